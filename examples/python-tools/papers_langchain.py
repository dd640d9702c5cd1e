"""Retrograph with langchain-neo4j: the schema for a prompt, queries, the past, a graph from documents.

    BOLT_URI=bolt+s://graph.example:7687 BOLT_USER=ana BOLT_PASSWORD=… GRAPH=harbor python papers_langchain.py
"""

import os

from langchain_core.documents import Document
from langchain_neo4j import Neo4jGraph
from langchain_neo4j.graphs.graph_document import GraphDocument, Node, Relationship
from neo4j.exceptions import CypherSyntaxError

SERVER = {
    "url": os.environ["BOLT_URI"],
    "username": os.environ["BOLT_USER"],
    "password": os.environ["BOLT_PASSWORD"],
}
GRAPH = os.environ["GRAPH"]


def main():
    graph = Neo4jGraph(**SERVER, database=GRAPH, refresh_schema=False)
    graph.query("MATCH (n:Author|Paper|Document) DETACH DELETE n")
    graph.query(
        "CREATE (:Author {name: 'Mara', born: 1980})-[:WROTE {on: date('2026-01-10')}]->"
        "(:Paper {title: 'Tides', pages: 10})"
    )

    # What a language model is told of the graph.
    graph.refresh_schema()
    print(graph.schema)
    structure = graph.structured_schema
    titled = {"property": "title", "type": "STRING"}
    assert titled in structure["node_props"]["Paper"]
    assert {"property": "on", "type": "DATE"} in structure["rel_props"]["WROTE"]
    assert {"start": "Author", "type": "WROTE", "end": "Paper"} in structure["relationships"]

    pages = "MATCH (p:Paper {title: $title}) RETURN p.pages AS pages"
    moment = graph.query("MATCH (p:Paper) RETURN toString(system_from(p)) AS then")[0]["then"]
    graph.query("MATCH (p:Paper) SET p.pages = 12")
    # A graph of the past is one with another name; a model that asks it can change nothing.
    past = Neo4jGraph(**SERVER, database=f"{GRAPH}@{moment}", refresh_schema=False)
    now, then = (side.query(pages, {"title": "Tides"})[0]["pages"] for side in (graph, past))
    print(f"Tides has {now} pages, and had {then} at {moment}")
    assert (now, then) == (12, 10)

    # What a language model has read out of a document. Once more: everything is there already.
    waves = GraphDocument(
        nodes=[mara := Node(id="Mara", type="Author"), paper := Node(id="Waves", type="Paper")],
        relationships=[Relationship(source=mara, target=paper, type="WROTE")],
        source=Document(page_content="Mara wrote Waves.", metadata={"id": "page 1"}),
    )
    for _ in range(2):
        graph.add_graph_documents([waves], include_source=True)
    rows = graph.query(
        "MATCH (:Document)-[:MENTIONS]->(a:Author)-[:WROTE]->(p:Paper) RETURN a.id AS author, p.id AS paper"
    )
    print(f"read out of a document: {rows}")
    assert rows == [{"author": "Mara", "paper": "Waves"}]

    try:
        graph.query("MATCH (p:Paper RETURN p")
        raise AssertionError("nonsense was understood")
    except CypherSyntaxError as error:
        print(f"a parenthesis too few: {error.code}")
        assert error.code == "Neo.ClientError.Statement.SyntaxError"


if __name__ == "__main__":
    main()
