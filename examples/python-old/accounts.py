"""Retrograph with a driver of the age of Bolt 4.4, which many programs still have.

It accepts only servers whose name begins with `Neo4j/`: start with `retrograph serve --compatible-agent`.

    BOLT_URI=bolt+s://graph.example:7687 BOLT_USER=ana BOLT_PASSWORD=… python accounts.py
"""

import os

from neo4j import GraphDatabase, unit_of_work
from neo4j.exceptions import ConstraintError
from neo4j.time import DateTime

URI = os.environ["BOLT_URI"]
AUTH = (os.environ["BOLT_USER"], os.environ["BOLT_PASSWORD"])
BALANCE = "MATCH (a:Account {id: $id}) RETURN a.balance AS balance"


def balance(tx):
    return tx.run(BALANCE, id="A-1").single()["balance"]


def main():
    with GraphDatabase.driver(URI, auth=AUTH) as driver, driver.session() as session:
        session.run("MATCH (a:Account) DETACH DELETE a").consume()
        session.run(
            "CREATE CONSTRAINT account_id IF NOT EXISTS FOR (a:Account) REQUIRE a.id IS UNIQUE"
        ).consume()
        # Times of this age are sent in another way than today's; they arrive as they went.
        opened = DateTime(2026, 1, 10, 12, 0, 0, 5)
        node = session.run(
            "CREATE (a:Account {id: 'A-1', balance: 100, opened: $opened}) RETURN a", opened=opened
        ).single()["a"]
        assert (node.labels, node["opened"]) == ({"Account"}, opened)
        result = session.run("MATCH (a:Account) RETURN toString(system_from(a)) AS then")
        then, summary = result.single()["then"], result.consume()
        assert summary.server.protocol_version == (4, 4), summary.server.protocol_version
        session.run("MATCH (a:Account {id: 'A-1'}) SET a.balance = 250").consume()

        # Now, and then: by the metadata of a transaction, and by the name of the database.
        now = session.read_transaction(balance)
        past = session.read_transaction(unit_of_work(metadata={"as_of": then})(balance))
        with driver.session(database=f"{summary.database}@{then}") as earlier:
            assert earlier.read_transaction(balance) == past
        print(f"A-1 has {now}, and had {past} at {then}")
        assert (now, past) == (250, 100)

        # A write that comes too late is run again by the driver.
        attempts = 0

        def deposit(tx):
            nonlocal attempts
            attempts += 1
            before = balance(tx)
            if attempts == 1:
                with driver.session() as other:
                    other.run("MATCH (a:Account {id: 'A-1'}) SET a.balance = 300").consume()
            tx.run("MATCH (a:Account {id: 'A-1'}) SET a.balance = $b", b=before + 50)

        session.write_transaction(deposit)
        print(f"the deposit took {attempts} attempts; A-1 has {session.read_transaction(balance)}")
        assert (attempts, session.read_transaction(balance)) == (2, 350)

        rows = session.run("UNWIND range(1, 20000) AS x RETURN x")
        assert sum(record["x"] for record in rows) == 200_010_000

        try:
            session.run("CREATE (:Account {id: 'A-1'})").consume()
            raise AssertionError("the constraint did not hold")
        except ConstraintError as error:
            print(f"a second A-1: {error.code}")
            assert error.code == "Neo.ClientError.Schema.ConstraintValidationFailed"


if __name__ == "__main__":
    main()
