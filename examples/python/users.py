"""Users, roles and grants by statements, with the official Python driver.

    BOLT_URI=bolt+s://graph.example:7687 BOLT_USER=admin BOLT_PASSWORD=… python users.py
"""

import os

from neo4j import GraphDatabase
from neo4j.exceptions import AuthError, ClientError, CypherSyntaxError, Forbidden

URI = os.environ["BOLT_URI"]
ADMIN = (os.environ["BOLT_USER"], os.environ["BOLT_PASSWORD"])
GRAPH = os.environ["GRAPH"]
FIRST, OWN = "a password to begin with", "a password of her own"


def prepare(admin):
    """A role that may read one graph, and a user who has it and is to choose a password."""
    admin.execute_query("DROP USER eva IF EXISTS")
    admin.execute_query("CREATE OR REPLACE ROLE harbor_clerk")
    admin.execute_query(f"GRANT MATCH {{*}} ON GRAPH `{GRAPH}` TO harbor_clerk")
    # Passwords as parameters are in no text that somebody could keep.
    admin.execute_query("CREATE USER eva SET PASSWORD $first CHANGE REQUIRED", first=FIRST)
    admin.execute_query("GRANT ROLE harbor_clerk TO eva")


def refusal(driver, text, **parameters):
    """The code with which a statement is refused."""
    try:
        driver.execute_query(text, parameters)
    except ClientError as error:
        return error.code
    raise AssertionError(f"this was not refused: {text}")


def choose_password():
    with GraphDatabase.driver(URI, auth=("eva", FIRST)) as eva:
        code = refusal(eva, "RETURN 1")
        assert code == "Neo.ClientError.Security.CredentialsExpired", code
        change = "ALTER CURRENT USER SET PASSWORD FROM $old TO $new"
        code = refusal(eva, change, old="not this one", new=OWN)
        assert code == "Neo.ClientError.Statement.ArgumentError", code
        eva.execute_query(change, old=FIRST, new=OWN)


def work(admin):
    """What the role allows goes, nothing else does, and what is granted meanwhile counts at once."""
    with GraphDatabase.driver(URI, auth=("eva", OWN)) as eva:
        assert eva.execute_query("MATCH (n) RETURN count(n) >= 0 AS yes").records[0]["yes"]
        for text in ["CREATE (:Ship)", "SHOW USERS", "GRANT ROLE admin TO eva"]:
            try:
                eva.execute_query(text)
            except Forbidden:
                continue
            raise AssertionError(f"this was not refused: {text}")
        admin.execute_query(f"GRANT WRITE ON GRAPH `{GRAPH}` TO harbor_clerk")
        eva.execute_query("CREATE (s:Ship {name: 'Argo'}) DELETE s")
        records, _, _ = eva.execute_query("SHOW USER PRIVILEGES AS COMMANDS YIELD command ORDER BY command")
        return [record["command"] for record in records]


def look(admin):
    records, _, _ = admin.execute_query(
        "SHOW USERS YIELD user, roles, passwordChangeRequired, suspended WHERE user = 'eva'"
    )
    return records[0].data()


def leave(admin):
    admin.execute_query("ALTER USER eva SET STATUS SUSPENDED")
    try:
        with GraphDatabase.driver(URI, auth=("eva", OWN)) as eva:
            eva.verify_connectivity()
    except AuthError as error:
        code = error.code
    admin.execute_query("DROP USER eva")
    admin.execute_query("DROP ROLE harbor_clerk")
    return code


def mistake(admin):
    """What is wrong with a statement is told without the password that it holds."""
    try:
        admin.execute_query("CREATE USER eva SET PASSWORD 'open sesame' SET STATUS ASLEEP")
    except CypherSyntaxError as error:
        return error.message
    raise AssertionError("this is no status")


def main():
    with GraphDatabase.driver(URI, auth=ADMIN) as admin:
        prepare(admin)
        choose_password()
        commands = work(admin)
        print("\n".join(commands))
        assert [command.split(" ON ")[0] for command in commands] == ["GRANT MATCH {*}", "GRANT WRITE"], commands

        eva = look(admin)
        print(eva)
        assert eva == {
            "user": "eva",
            "roles": ["harbor_clerk"],
            "passwordChangeRequired": False,
            "suspended": False,
        }

        code = leave(admin)
        print(f"a user who is suspended: {code}")
        assert code == "Neo.ClientError.Security.Unauthorized"

        message = mistake(admin)
        print(message)
        assert "******" in message and "sesame" not in message


if __name__ == "__main__":
    main()
