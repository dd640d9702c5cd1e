"""The official Python driver against a running server.

    BOLT_URI=bolt://127.0.0.1:7687 BOLT_USER=admin BOLT_PASSWORD=… python driver_test.py

The server has an empty graph `drivers`, which is that of clients that name none.
"""

import datetime
import os
import threading
import unittest

import neo4j
import pytz
from neo4j import GraphDatabase, Query, READ_ACCESS, exceptions, spatial, time, unit_of_work

URI = os.environ["BOLT_URI"]
AUTH = (os.environ["BOLT_USER"], os.environ["BOLT_PASSWORD"])
GRAPH = "drivers"


def rows(result):
    return [list(record.values()) for record in result]


class DriverTest(unittest.TestCase):
    def setUp(self):
        self.driver = GraphDatabase.driver(URI, auth=AUTH)
        self.addCleanup(self.driver.close)
        self.driver.execute_query("MATCH (n) DETACH DELETE n")

    def one(self, text, **parameters):
        return self.driver.execute_query(text, parameters).records[0].values()[0]

    def test_the_server_says_what_it_is(self):
        self.driver.verify_connectivity()
        info = self.driver.get_server_info()
        self.assertTrue(info.agent.startswith("Retrograph/"), info.agent)
        self.assertEqual(info.protocol_version, (5, 8))

    def test_whoever_is_not_recognised_is_refused_as_such(self):
        for auth in [None, ("admin", "a guess"), ("nobody", "a guess")]:
            with GraphDatabase.driver(URI, auth=auth) as driver:
                with self.assertRaises(exceptions.AuthError):
                    driver.verify_connectivity()

    def test_a_user_may_what_their_roles_say(self):
        self.driver.execute_query("CALL user.create('python', $p, false)", p="a horse and a cart")
        self.addCleanup(self.driver.execute_query, "CALL user.drop('python')")
        self.driver.execute_query("CALL role.assign('reader', 'python')")
        auth = ("python", "a horse and a cart")
        with GraphDatabase.driver(URI, auth=auth) as driver:
            self.assertEqual(driver.execute_query("RETURN 1 AS x").records[0]["x"], 1)
            with self.assertRaises(exceptions.Forbidden):
                driver.execute_query("CREATE (:N)")

    def test_writes_and_reads(self):
        records, summary, keys = self.driver.execute_query(
            "UNWIND range(1, 3) AS x CREATE (a:A {x: x})-[r:R {w: x * 0.5}]->(b:B) RETURN a, r, b"
        )
        self.assertEqual(keys, ["a", "r", "b"])
        self.assertEqual(summary.counters.nodes_created, 6)
        self.assertEqual(summary.counters.relationships_created, 3)
        self.assertEqual(summary.query_type, "rw")
        self.assertEqual(summary.database, GRAPH)
        a, r, b = records[0].values()
        self.assertEqual((a.labels, dict(a)), ({"A"}, {"x": 1}))
        self.assertEqual((r.type, dict(r)), ("R", {"w": 0.5}))
        self.assertEqual((r.start_node, r.end_node), (a, b))
        path = self.one("MATCH p = (:B)<--(:A {x: 2}) RETURN p")
        self.assertEqual([set(node.labels) for node in path.nodes], [{"B"}, {"A"}])
        self.assertEqual(path.relationships[0].start_node, path.nodes[1])
        same = self.one("MATCH (a:A) WHERE elementId(a) = $id RETURN a", id=a.element_id)
        self.assertEqual(same.element_id, a.element_id)

    def test_a_large_result_is_streamed(self):
        with self.driver.session(fetch_size=100) as session:
            result = session.run("UNWIND range(1, 20000) AS x RETURN x, 'text' AS t")
            self.assertEqual(sum(record["x"] for record in result), 200010000)
            # One that is not read to its end.
            result = session.run("UNWIND range(1, 20000) AS x RETURN x")
            self.assertEqual(next(result)["x"], 1)
            result.consume()
            self.assertEqual(session.run("RETURN 1 AS x").single()["x"], 1)

    def test_managed_transactions_are_run_again_after_a_conflict(self):
        self.driver.execute_query("CREATE (:Counter {n: 0})")
        attempts = []

        def increment(tx):
            attempts.append(1)
            value = tx.run("MATCH (c:Counter) RETURN c.n AS n").single()["n"]
            tx.run("MATCH (c:Counter) SET c.n = $n", n=value + 1).consume()

        def work():
            with self.driver.session() as session:
                for _ in range(10):
                    session.execute_write(increment)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.one("MATCH (c:Counter) RETURN c.n"), 40)
        self.assertGreaterEqual(len(attempts), 40)

        # One conflict that is certain.
        first = True

        def conflicting(tx):
            nonlocal first
            tx.run("MATCH (c:Counter) SET c.n = c.n + 1").consume()
            if first:
                first = False
                self.driver.execute_query("MATCH (c:Counter) SET c.n = 100")

        with self.driver.session() as session:
            session.execute_write(conflicting)
        self.assertEqual(self.one("MATCH (c:Counter) RETURN c.n"), 101)

    def test_explicit_transactions(self):
        with self.driver.session() as session:
            with session.begin_transaction() as tx:
                node = tx.run("CREATE (n:T {x: 1}) RETURN n").single()["n"]
                self.assertEqual((node.labels, dict(node)), ({"T"}, {"x": 1}))
                tx.rollback()
            self.assertEqual(session.run("MATCH (n:T) RETURN count(*)").single().value(), 0)
            with session.begin_transaction() as tx:
                one = tx.run("UNWIND range(1, 5000) AS x RETURN x")
                two = tx.run("UNWIND range(1, 5000) AS x CREATE (:T {x: x}) RETURN x * 10 AS x")
                self.assertEqual([next(one)["x"], next(two)["x"], next(one)["x"]], [1, 10, 2])
                three = tx.run("MATCH (n:T) RETURN count(*) AS n").single()["n"]
                self.assertEqual(three, 5000)
                self.assertEqual(len(list(one)), 4998)
                self.assertEqual(len(list(two)), 4999)
                tx.commit()
            self.assertEqual(session.run("MATCH (n:T) RETURN count(*)").single().value(), 5000)

    def test_bookmarks_carry_over(self):
        with self.driver.session() as session:
            session.run("CREATE (:M)").consume()
            bookmarks = session.last_bookmarks()
        self.assertTrue(all(bookmark.startswith("rg:") for bookmark in bookmarks.raw_values))
        with self.driver.session(bookmarks=bookmarks) as session:
            self.assertEqual(session.run("MATCH (n:M) RETURN count(*)").single().value(), 1)
        wrong = neo4j.Bookmarks.from_raw_values(["FB:kcwQ"])
        with self.driver.session(bookmarks=wrong) as session:
            with self.assertRaises(exceptions.ClientError) as raised:
                session.run("RETURN 1").consume()
        self.assertEqual(raised.exception.code, "Neo.ClientError.Transaction.InvalidBookmark")

    def test_values_come_back_as_they_went(self):
        zone = pytz.FixedOffset(330)
        values = [
            None, True, False, 0, -1, 127, 128, -129, 2**31, 2**63 - 1, -(2**63), 0.5, -1e300,
            float("inf"), "", "text", "ünïcödé 🦀", "x" * 70000, b"", b"\x00\xff" * 200, [],
            [1, "a", None, [2.0, [True]]], {}, {"a": 1, "b": {"c": [None]}},
            time.Date(2026, 1, 10), time.Date(1, 1, 1), time.Time(12, 30, 1, 123456789),
            time.Time(12, 30, 1, 123456789, zone), time.DateTime(2026, 1, 10, 12, 0, 0, 5),
            time.DateTime(2026, 1, 10, 12, 0, 0, 5, zone), time.Duration(14, 3, -5, 999999999),
            time.Duration(0, 0, 0, -1),
            spatial.CartesianPoint((1.5, -2.5)), spatial.CartesianPoint((1.0, 2.0, 3.0)),
            spatial.WGS84Point((5.3, 60.4)), spatial.WGS84Point((5.3, 60.4, 100.0)),
        ]
        for value in values:
            with self.subTest(value=value):
                back = self.one("RETURN $value AS value", value=value)
                self.assertEqual(back, value)
                self.assertIs(type(back), type(value))
        instant = pytz.timezone("Europe/Stockholm").localize(datetime.datetime(2026, 7, 1, 12, 0))
        back = self.one("RETURN $value AS value", value=instant)
        self.assertEqual(back.to_native(), instant)
        text = self.one("RETURN toString($value) AS text", value=instant)
        self.assertEqual(text, "2026-07-01T12:00+02:00[Europe/Stockholm]")
        nan = self.one("RETURN $value AS value", value=float("nan"))
        self.assertNotEqual(nan, nan)
        # And through the store.
        properties = {"date": time.Date(2026, 1, 10), "point": spatial.WGS84Point((5.3, 60.4)),
                      "list": [1, 2, 3], "bytes": b"\x01\x02", "when": instant}
        self.one("CREATE (n:V) SET n = $p RETURN n", p=properties)
        stored = dict(self.one("MATCH (n:V) RETURN n"))
        self.assertEqual(stored.pop("when").to_native(), properties.pop("when"))
        self.assertEqual(stored, properties)

    def test_errors_have_their_classes(self):
        for text, parameters, kind, code in [
            ("RETURN", {}, exceptions.CypherSyntaxError, "Statement.SyntaxError"),
            ("RETURN nope", {}, exceptions.CypherSyntaxError, "Statement.SyntaxError"),
            ("RETURN $nope", {}, exceptions.ClientError, "Statement.ParameterMissing"),
            ("RETURN $x + date()", {"x": True}, exceptions.CypherTypeError, "Statement.TypeError"),
            ("RETURN 1 / $x", {"x": 0}, exceptions.ClientError, "Statement.ArithmeticError"),
            ("CALL no.such.procedure()", {}, exceptions.ClientError, "Procedure.ProcedureNotFound"),
        ]:
            with self.subTest(text=text):
                with self.assertRaises(kind) as raised:
                    self.driver.execute_query(text, parameters)
                self.assertEqual(raised.exception.code, "Neo.ClientError." + code)
        with self.assertRaises(exceptions.CypherSyntaxError) as raised:
            self.driver.execute_query("MATCH (n)\nRETURN m")
        self.assertIn("(line 2, column 8 (offset: 17))", raised.exception.message)
        self.assertEqual(raised.exception.gql_status, "42001")
        self.driver.execute_query("CREATE CONSTRAINT one IF NOT EXISTS FOR (n:U) REQUIRE n.x IS UNIQUE")
        self.driver.execute_query("CREATE (:U {x: 1})")
        with self.assertRaises(exceptions.ConstraintError):
            self.driver.execute_query("CREATE (:U {x: 1})")
        with self.assertRaises(exceptions.ClientError) as raised:
            self.driver.execute_query("RETURN 1", database_="nope")
        self.assertEqual(raised.exception.code, "Neo.ClientError.Database.DatabaseNotFound")
        with self.assertRaises(exceptions.ClientError) as raised:
            with self.driver.session(default_access_mode=READ_ACCESS) as session:
                session.run("CREATE ()").consume()
        self.assertEqual(raised.exception.code, "Neo.ClientError.Statement.AccessMode")
        with self.driver.session(impersonated_user="someone") as session:
            with self.assertRaises(exceptions.Forbidden):
                session.run("RETURN 1").consume()

    def test_a_transaction_that_takes_too_long_ends(self):
        endless = ("UNWIND range(1, 10000) AS x UNWIND range(1, 10000) AS y "
                   "UNWIND range(1, 10000) AS z RETURN count(x + y + z)")
        with self.driver.session() as session:
            with self.assertRaises(exceptions.ClientError) as raised:
                session.run(Query(endless, timeout=0.2)).consume()
            self.assertIn("TimedOut", raised.exception.code)
            self.assertEqual(session.run("RETURN 1").single().value(), 1)

    def test_the_past(self):
        with self.driver.session() as session:
            version = session.run("CREATE (:Past {x: 1})").consume().metadata["version"]
            text = session.run(
                "MATCH (n:Past) RETURN toString(system_from(n)) AS t"
            ).single()["t"]
            instant = session.run("MATCH (n:Past) RETURN system_from(n) AS t").single()["t"]
            session.run("MATCH (n:Past) SET n.x = 2").consume()
        query = "MATCH (n:Past) RETURN n.x AS x"
        for as_of in (version, text, instant):
            with self.subTest(as_of=as_of):
                with self.driver.session() as session:
                    result = session.run(Query(query, metadata={"as_of": as_of}))
                    self.assertEqual(rows(result), [[1]])

                    @unit_of_work(metadata={"as_of": as_of})
                    def read(tx):
                        return tx.run(query).single()["x"]

                    self.assertEqual(session.execute_read(read), 1)
        records, summary, _ = self.driver.execute_query(query, database_=f"{GRAPH}@{text}")
        self.assertEqual(records[0]["x"], 1)
        self.assertEqual(summary.database, f"{GRAPH}@{text}")
        node = self.driver.execute_query(
            "MATCH (n:Past) RETURN n", database_=f"{GRAPH}@{text}"
        ).records[0]["n"]
        self.assertEqual(dict(node), {"x": 1})
        with self.assertRaises(exceptions.ClientError) as raised:
            self.driver.execute_query("CREATE ()", database_=f"{GRAPH}@{text}")
        self.assertEqual(raised.exception.code, "Neo.ClientError.Statement.AccessMode")
        self.assertEqual(self.one(query), 2)

    def test_summaries(self):
        _, summary, _ = self.driver.execute_query("EXPLAIN MATCH (n:A) RETURN n")
        self.assertIn("Scan", summary.plan["args"]["string-representation"])
        _, summary, _ = self.driver.execute_query("PROFILE UNWIND [1, 2] AS x RETURN x")
        self.assertEqual(summary.profile["rows"], 2)
        _, summary, _ = self.driver.execute_query("MATCH (n:NeverSeen) RETURN n")
        statuses = [status.gql_status for status in summary.gql_status_objects]
        self.assertIn("02000", statuses)
        warnings = [s for s in summary.gql_status_objects if s.is_notification]
        self.assertEqual(len(warnings), 1)
        self.assertIn("NeverSeen", warnings[0].status_description)
        with GraphDatabase.driver(
            URI, auth=AUTH, notifications_min_severity="OFF"
        ) as driver:
            _, summary, _ = driver.execute_query("MATCH (n:NeverSeen) RETURN n")
            self.assertFalse(any(s.is_notification for s in summary.gql_status_objects))
        _, summary, _ = self.driver.execute_query("CREATE (:A)")
        self.assertEqual(summary.query_type, "w")
        self.assertGreaterEqual(summary.result_available_after, 0)


if __name__ == "__main__":
    unittest.main()
