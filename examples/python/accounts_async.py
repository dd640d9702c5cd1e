"""What accounts.py does, with the asynchronous part of the official Python driver.

    BOLT_URI=bolt+s://graph.example:7687 BOLT_USER=ana BOLT_PASSWORD=… python accounts_async.py
"""

import asyncio
import os

from neo4j import AsyncGraphDatabase, unit_of_work
from neo4j.exceptions import CypherSyntaxError

URI = os.environ["BOLT_URI"]
AUTH = (os.environ["BOLT_USER"], os.environ["BOLT_PASSWORD"])
BALANCE = "MATCH (a:Account {id: $id}) RETURN a.balance AS balance"


async def prepare(driver):
    """One account, then a change. Returns the version before the change, and the graph's name."""
    await driver.execute_query("MATCH (a:Account) DETACH DELETE a")
    async with driver.session() as session:
        # Every commit has a number, the version. It serves as well as a time.
        result = await session.run("CREATE (:Account {id: 'A-1', balance: 100})")
        version = (await result.consume()).metadata["version"]
    records, summary, _ = await driver.execute_query(
        "MATCH (a:Account {id: 'A-1'}) RETURN toString(system_from(a)) AS then"
    )
    await driver.execute_query("MATCH (a:Account {id: 'A-1'}) SET a.balance = 250")
    return version, records[0]["then"], summary.database


async def read_now(driver):
    records, _, _ = await driver.execute_query(BALANCE, id="A-1")
    return records[0]["balance"]


async def read_past(driver, version, then, graph):
    @unit_of_work(metadata={"as_of": version})
    async def balance(tx):
        result = await tx.run(BALANCE, id="A-1")
        return (await result.single())["balance"]

    async with driver.session() as session:
        by_metadata = await session.execute_read(balance)
    records, _, _ = await driver.execute_query(BALANCE, id="A-1", database_=f"{graph}@{then}")
    assert by_metadata == records[0]["balance"]
    return by_metadata


async def deposit_at_once(driver, people):
    """Everybody adds 1 at the same time: whoever loses runs again, and nothing is lost."""

    async def add(tx):
        result = await tx.run(BALANCE, id="A-1")
        balance = (await result.single())["balance"]
        await tx.run("MATCH (a:Account {id: 'A-1'}) SET a.balance = $balance", balance=balance + 1)

    async def person():
        async with driver.session() as session:
            await session.execute_write(add)

    await asyncio.gather(*(person() for _ in range(people)))


async def retry_once(driver):
    """One conflict that is certain."""
    attempts = 0

    async def add(tx):
        nonlocal attempts
        attempts += 1
        await tx.run("MATCH (a:Account {id: 'A-1'}) SET a.balance = a.balance + 1")
        if attempts == 1:
            await driver.execute_query("MATCH (a:Account {id: 'A-1'}) SET a.balance = 300")

    async with driver.session() as session:
        await session.execute_write(add)
    return attempts


async def stream(driver):
    total = 0
    async with driver.session(fetch_size=1000) as session:
        result = await session.run("UNWIND range(1, 20000) AS x RETURN x")
        async for record in result:
            total += record["x"]
    return total


async def misspell(driver):
    try:
        await driver.execute_query("MATCH (a:Account) RETRUN a")
    except CypherSyntaxError as error:
        return error.code
    raise AssertionError("nonsense was understood")


async def main():
    async with AsyncGraphDatabase.driver(URI, auth=AUTH) as driver:
        version, then, graph = await prepare(driver)
        now, past = await read_now(driver), await read_past(driver, version, then, graph)
        print(f"A-1 has {now}, and had {past} in version {version}, at {then}")
        assert (now, past) == (250, 100)

        await deposit_at_once(driver, 5)
        assert await read_now(driver) == 255
        attempts = await retry_once(driver)
        print(f"one more took {attempts} attempts; A-1 has {await read_now(driver)}")
        assert (attempts, await read_now(driver)) == (2, 301)

        total = await stream(driver)
        print(f"the rows add up to {total}")
        assert total == 200_010_000

        code = await misspell(driver)
        print(f"RETRUN: {code}")
        assert code == "Neo.ClientError.Statement.SyntaxError"


if __name__ == "__main__":
    asyncio.run(main())
