"""Retrograph with neomodel: a model, its schema, queries, relationships, the past, retries, errors.

    BOLT_URI=bolt+s://graph.example:7687 BOLT_USER=ana BOLT_PASSWORD=… GRAPH=harbor python people_neomodel.py
"""

import os
from datetime import date
from urllib.parse import quote

from neo4j.exceptions import TransientError
from neomodel import (
    DateProperty,
    IntegerProperty,
    RelationshipFrom,
    RelationshipTo,
    StringProperty,
    StructuredNode,
    StructuredRel,
    UniqueIdProperty,
    db,
    get_config,
)
from neomodel.exceptions import ConstraintValidationFailed

SCHEME, ADDRESS = os.environ["BOLT_URI"].split("://")
USER, PASSWORD = (quote(os.environ[name], safe="") for name in ("BOLT_USER", "BOLT_PASSWORD"))
get_config().database_url = f"{SCHEME}://{USER}:{PASSWORD}@{ADDRESS}"
get_config().database_name = os.environ["GRAPH"]


class Owns(StructuredRel):
    since = DateProperty()


class Ship(StructuredNode):
    name = StringProperty(unique_index=True, required=True)
    tons = IntegerProperty(index=True)
    owners = RelationshipFrom("Owner", "OWNS", model=Owns)


class Owner(StructuredNode):
    uid = UniqueIdProperty()
    name = StringProperty(required=True)
    ships = RelationshipTo("Ship", "OWNS", model=Owns)


def then():
    """The moment of the last change to the Heron."""
    rows, _ = db.cypher_query("MATCH (s:Ship {name: 'Heron'}) RETURN toString(system_from(s))")
    return rows[0][0]


def past_tons(moment):
    """In the past: the same query with AS OF before it."""
    rows, _ = db.cypher_query(
        "AS OF datetime($moment) MATCH (s:Ship {name: 'Heron'}) RETURN s.tons", {"moment": moment}
    )
    return rows[0][0]


def load(tons):
    """Adds to what the Heron carries. Whoever comes in between makes us begin again."""
    for attempt in range(1, 6):
        try:
            with db.transaction:
                heron = Ship.nodes.get(name="Heron")
                if attempt == 1:
                    # Somebody else is quicker, over a connection of their own.
                    with db.driver.session(database=os.environ["GRAPH"]) as session:
                        session.run("MATCH (s:Ship {name: 'Heron'}) SET s.tons = 300").consume()
                heron.tons += tons
                heron.save()
            return attempt
        except TransientError as error:
            print(f"attempt {attempt}: {error.code}")
    raise AssertionError("too many attempts")


def main():
    db.cypher_query("MATCH (n:Ship|Owner) DETACH DELETE n")
    db.install_all_labels(stdout=open(os.devnull, "w"))
    assert {"Ship", "Owner"} <= {rule["labelsOrTypes"][0] for rule in db.list_constraints()}

    heron = Ship(name="Heron", tons=100).save()
    Ship(name="Egret", tons=20).save()
    mara = Owner(name="Mara Lind").save()
    mara.ships.connect(heron, {"since": date(2020, 5, 1)})
    assert [ship.name for ship in mara.ships.all()] == ["Heron"]
    assert mara.ships.relationship(heron).since == date(2020, 5, 1)
    assert [owner.name for owner in heron.owners.all()] == ["Mara Lind"]
    heavy = Ship.nodes.filter(tons__gt=50).order_by("name").all()
    assert [ship.name for ship in heavy] == ["Heron"]
    found = Owner.nodes.filter(ships__name__startswith="Her").all()
    print(f"{len(found)} owner of a ship called Her…, {len(Ship.nodes)} ships")
    assert (len(found), len(Ship.nodes)) == (1, 2)

    moment = then()
    heron.tons = 250
    heron.save()
    heron.refresh()
    print(f"the Heron carries {heron.tons} tons, and carried {past_tons(moment)} at {moment}")
    assert (heron.tons, past_tons(moment)) == (250, 100)

    attempts = load(50)
    heron.refresh()
    print(f"loading took {attempts} attempts; the Heron carries {heron.tons} tons")
    assert (attempts, heron.tons) == (2, 350)

    try:
        Ship(name="Heron").save()
        raise AssertionError("the name is not unique")
    except ConstraintValidationFailed as error:
        print(f"a second Heron: {error}")


if __name__ == "__main__":
    main()
