"""Retrograph with the official Python driver: the present, the past, retries, streams, errors.

    BOLT_URI=bolt+s://graph.example:7687 BOLT_USER=ana BOLT_PASSWORD=… python accounts.py
"""

import os

from neo4j import GraphDatabase, unit_of_work
from neo4j.exceptions import ConstraintError, Neo4jError

URI = os.environ["BOLT_URI"]
AUTH = (os.environ["BOLT_USER"], os.environ["BOLT_PASSWORD"])
BALANCE = "MATCH (a:Account {id: $id}) RETURN a.balance AS balance"


def prepare(driver):
    """Two accounts, then a change. Returns the moment before the change, and the graph's name."""
    driver.execute_query("MATCH (a:Account) DETACH DELETE a")
    driver.execute_query(
        "CREATE CONSTRAINT account_id IF NOT EXISTS FOR (a:Account) REQUIRE a.id IS UNIQUE"
    )
    driver.execute_query("UNWIND ['A-1', 'A-2'] AS id CREATE (:Account {id: id, balance: 100})")
    # Every element knows since when it has been as it is.
    records, summary, _ = driver.execute_query(
        "MATCH (a:Account {id: 'A-1'}) RETURN toString(system_from(a)) AS then"
    )
    driver.execute_query("MATCH (a:Account {id: 'A-1'}) SET a.balance = 250")
    return records[0]["then"], summary.database


def read_now(driver):
    records, _, _ = driver.execute_query(BALANCE, id="A-1")
    return records[0]["balance"]


def read_past(driver, then, graph):
    # A moment for one transaction …
    @unit_of_work(metadata={"as_of": then})
    def balance(tx):
        return tx.run(BALANCE, id="A-1").single()["balance"]

    with driver.session() as session:
        by_metadata = session.execute_read(balance)
    # … or in the name of the database, which every tool can be given.
    records, _, _ = driver.execute_query(BALANCE, id="A-1", database_=f"{graph}@{then}")
    assert by_metadata == records[0]["balance"]
    return by_metadata


def transfer(driver, amount):
    """Moves money. Whoever comes in between makes the driver run the function again."""
    attempts = 0

    def move(tx):
        nonlocal attempts
        attempts += 1
        balance = tx.run(BALANCE, id="A-1").single()["balance"]
        if attempts == 1:
            # Somebody else is quicker: this transaction can no longer commit what it has read.
            driver.execute_query("MATCH (a:Account {id: 'A-1'}) SET a.balance = 300")
        tx.run("MATCH (a:Account {id: 'A-1'}) SET a.balance = $balance", balance=balance - amount)
        tx.run("MATCH (a:Account {id: 'A-2'}) SET a.balance = a.balance + $amount", amount=amount)

    with driver.session() as session:
        session.execute_write(move)
    return attempts


def stream(driver):
    """A hundred thousand rows, of which a thousand at a time are on their way."""
    with driver.session(fetch_size=1000) as session:
        result = session.run("UNWIND range(1, 100000) AS x RETURN x, 'row ' + x AS text")
        return sum(record["x"] for record in result)


def violate(driver):
    """Errors have classes, and codes that stay the same when messages change."""
    try:
        driver.execute_query("CREATE (:Account {id: 'A-1'})")
    except ConstraintError as error:
        return error.code
    except Neo4jError as error:
        raise AssertionError(f"another error was expected: {error.code}") from error
    raise AssertionError("the constraint did not hold")


def main():
    with GraphDatabase.driver(URI, auth=AUTH) as driver:
        driver.verify_connectivity()
        then, graph = prepare(driver)
        now, past = read_now(driver), read_past(driver, then, graph)
        print(f"A-1 has {now}, and had {past} at {then}")
        assert (now, past) == (250, 100)

        attempts = transfer(driver, 50)
        print(f"the transfer took {attempts} attempts; A-1 has {read_now(driver)}")
        assert (attempts, read_now(driver)) == (2, 250)

        total = stream(driver)
        print(f"the rows add up to {total}")
        assert total == 5_000_050_000

        code = violate(driver)
        print(f"a second A-1: {code}")
        assert code == "Neo.ClientError.Schema.ConstraintValidationFailed"


if __name__ == "__main__":
    main()
