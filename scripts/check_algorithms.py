#!/usr/bin/env python3
"""Runs the algorithms of retrograph on SNAP CollegeMsg and compares each with networkx.

    scripts/check_algorithms.py --binary target/release/retrograph --data ../shared/data

Messages get weights, people coordinates, drawn from a seed so that every weight is at least the straight
line. Answers that are determined must be equal, scores up to rounding (PageRank is computed here); communities,
which are not, must be connected and no worse than those of networkx by modularity, which networkx computes
for both. Without the
data or networkx (pip install networkx), it says that it was not run. Exit code 1 if an answer differs.
"""

import argparse
import collections
import math
import os
import random
import sys
import tempfile

import check_real_data as base

try:
    import networkx as nx
except ImportError:
    nx = None

PATHS = 20
K = 8


def close(got, wanted, tolerance):
    """Whether two maps have the same keys and nearly the same numbers."""
    return got.keys() == wanted.keys() and all(
        math.isclose(got[key], wanted[key], rel_tol=tolerance, abs_tol=tolerance) for key in wanted)


def check_close(what, got, wanted, tolerance=1e-7):
    if not isinstance(got, dict):
        got, wanted = {"": got}, {"": wanted}
    if close(got, wanted, tolerance):
        base.check(what, True, True)
        return
    worst = sorted((key for key in wanted), key=lambda key: -abs(got.get(key, math.inf) - wanted[key]))
    base.check(what, [(key, got.get(key)) for key in worst[:3]], [(key, wanted[key]) for key in worst[:3]])


def check_that(what, holds):
    base.check(what, bool(holds), True)


def parts(groups):
    """A division into parts, however they are numbered."""
    members = collections.defaultdict(set)
    for node, group in groups.items():
        members[group].add(node)
    return {frozenset(part) for part in members.values()}


class Messages:
    """The messages as networkx and as retrograph hold them."""

    def __init__(self, binary, data, work, seed):
        chance = random.Random(seed)
        with open(os.path.join(data, "collegemsg", "CollegeMsg.txt"), encoding="utf-8") as file:
            next(file)
            rows = [line.split() for line in file]
        self.rows = [(start, end, int(time)) for start, end, time in rows]
        people = sorted({person for row in self.rows for person in row[:2]}, key=int)
        self.places = {person: (chance.uniform(0, 100), chance.uniform(0, 100)) for person in people}
        self.weights = [math.dist(self.places[start], self.places[end]) * chance.uniform(1, 3) + 0.001
                        for start, end, _ in self.rows]
        self.db = base.Retrograph(binary, os.path.join(work, "data"))
        nodes = base.write(os.path.join(work, "people.csv"), "id:ID(Person),x:double,y:double\n" + "".join(
            f"{person},{x!r},{y!r}\n" for person, (x, y) in self.places.items()))
        links = base.write(
            os.path.join(work, "messages.csv"),
            ":START_ID(Person),:END_ID(Person),w:double,:TIME(s)\n" + "".join(
                f"{start},{end},{weight!r},{time}\n"
                for (start, end, time), weight in zip(self.rows, self.weights)))
        first = min(time for _, _, time in self.rows)
        self.db.run("import", "csv", "--graph", "college", "--nodes", f"Person={nodes}",
                    "--relationships", f"MESSAGE={links}", "--history",
                    "--default-time", base.instant(first - 1))

    def graph(self, until=None):
        """All messages up to an instant."""
        graph = nx.MultiDiGraph()
        graph.add_nodes_from(self.places)
        for (start, end, time), weight in zip(self.rows, self.weights):
            if until is None or time <= until:
                graph.add_edge(start, end, w=weight)
        return graph

    def by_node(self, call, column, at=None):
        rows = self.db.query(
            "college", f"CALL {call} YIELD node, {column} RETURN node.id AS id, {column} AS value", at)
        return {row["id"]: row["value"] for row in rows}


def both_ways(graph):
    simple = nx.Graph()
    simple.add_nodes_from(graph)
    for start, end in graph.edges():
        weight = simple.edges[start, end]["weight"] if simple.has_edge(start, end) else 0
        simple.add_edge(start, end, weight=weight + 1)
    return simple


def neighbours(graph):
    simple = nx.Graph(both_ways(graph))
    simple.remove_edges_from(list(nx.selfloop_edges(simple)))
    return simple


def components(messages, graph, at, when):
    got = parts(messages.by_node("algo.wcc()", "component", at))
    base.check(f"weakly connected components {when}", got,
               {frozenset(part) for part in nx.weakly_connected_components(graph)})
    got = parts(messages.by_node("algo.scc()", "component", at))
    base.check(f"strongly connected components {when}", got,
               {frozenset(part) for part in nx.strongly_connected_components(graph)})


def page_rank(graph, damping=0.85):
    """By power iteration; networkx wants numpy for it. Who leads nowhere jumps."""
    nodes = list(graph)
    leads = {node: [end for _, end in graph.out_edges(node)] for node in nodes}
    rank = dict.fromkeys(nodes, 1 / len(nodes))
    while True:
        lost = sum(rank[node] for node in nodes if not leads[node])
        following = dict.fromkeys(nodes, (1 - damping + damping * lost) / len(nodes))
        for node in nodes:
            for end in leads[node]:
                following[end] += damping * rank[node] / len(leads[node])
        change = sum(abs(following[node] - rank[node]) for node in nodes)
        rank = following
        if change < 1e-13:
            return rank


def ranks(messages, graph, at, when):
    got = messages.by_node("algo.pageRank({tolerance: 1e-13, iterations: 1000})", "score", at)
    wanted = page_rank(graph)
    check_close(f"PageRank {when}", got, wanted)
    check_close(f"sum of PageRank {when}", sum(got.values()), 1.0, 1e-9)


def centrality(messages, graph):
    simple = nx.DiGraph(graph)
    simple.remove_edges_from(list(nx.selfloop_edges(simple)))
    exact = nx.betweenness_centrality(simple, normalized=False)
    check_close("betweenness", messages.by_node("algo.betweenness()", "score"), exact)
    got = messages.by_node(f"algo.betweenness({{samples: {len(exact)}}})", "score")
    check_close("betweenness from as many samples as there are nodes", got, exact)
    got = messages.by_node("algo.betweenness({direction: 'both'})", "score")
    wanted = nx.betweenness_centrality(neighbours(graph), normalized=False)
    check_close("betweenness both ways", got, wanted)
    got = messages.by_node("algo.betweenness({samples: 400, seed: 5})", "score")
    best = sorted(exact, key=exact.get)[-20:]
    near = sorted(got, key=got.get)[-40:]
    check_that("the 20 most central are among the 40 best of 400 samples", set(best) <= set(near))


def cohesion(messages, graph):
    simple = neighbours(graph)
    base.check("k-cores", messages.by_node("algo.kCore()", "core"), nx.core_number(simple))
    base.check("triangles", messages.by_node("algo.triangles()", "triangles"), nx.triangles(simple))
    check_close("clustering", messages.by_node("algo.triangles()", "coefficient"), nx.clustering(simple))


def communities(messages, graph):
    simple = both_ways(graph)
    modularity = lambda found: nx.community.modularity(simple, found, weight="weight")
    theirs = [modularity(nx.community.louvain_communities(simple, weight="weight", seed=seed))
              for seed in range(3)]
    ours = []
    for seed in range(3):
        found = parts(messages.by_node(f"algo.louvain({{seed: {seed}}})", "community"))
        check_that(f"Louvain {seed}: every person has one community",
                   sum(map(len, found)) == len(simple))
        check_that(f"Louvain {seed}: communities are connected",
                   all(nx.is_connected(simple.subgraph(part)) for part in found))
        ours.append(modularity(found))
    print(f"  modularity of Louvain: {max(ours):.4f} (networkx {max(theirs):.4f})")
    check_that(f"Louvain {ours} is no worse than networkx {theirs}", max(ours) >= max(theirs) - 0.01)
    base.check("Louvain with the same seed", parts(messages.by_node("algo.louvain({seed: 1})", "community")),
               parts(messages.by_node("algo.louvain({seed: 1})", "community")))

    label = messages.by_node("algo.labelPropagation({iterations: 1000})", "community")
    unstable = 0
    for node in simple:
        weight = collections.Counter()
        for other, link in simple[node].items():
            weight[label[other]] += link["weight"]
        unstable += bool(weight) and weight[label[node]] < max(weight.values())
    found = parts(label)
    print(f"  label propagation: {len(found)} communities of modularity {modularity(found):.4f}, "
          f"{unstable} of {len(simple)} nodes in another community than most of their neighbours")
    check_that("label propagation: no community spans components", all(
        len({part for part in components if members & part}) == 1
        for components in [list(map(frozenset, nx.connected_components(simple)))] for members in found))
    check_that("label propagation is stable", unstable == 0)


def check_path(what, row, start, end, wanted):
    ids, weight = row["ids"], sum(row["weights"])
    check_close(f"{what}: weight", row["weight"], wanted, 1e-9)
    check_close(f"{what}: sum of its relationships", weight, wanted, 1e-9)
    base.check(f"{what}: ends", (ids[0], ids[-1]), (start, end))


def shortest(messages, graph, seed):
    chance = random.Random(seed)
    everything = list(graph)
    path = ("[n IN nodes(path) | n.id] AS ids, [r IN relationships(path) | r.w] AS weights, weight")
    between = "MATCH (a:Person {{id: '{}'}}), (b:Person {{id: '{}'}}) "
    # Relationships as nodes of their own, so that parallel ones make different paths.
    divided = nx.DiGraph()
    for number, (start, end, weight) in enumerate(graph.edges(data="w")):
        divided.add_edge(start, ("message", number), w=weight)
        divided.add_edge(("message", number), end, w=0)
    pairs = 0
    while pairs < PATHS:
        start, end = chance.sample(everything, 2)
        distances = nx.single_source_dijkstra_path_length(graph, start, weight="w")
        if end not in distances:
            rows = messages.db.query("college", between.format(start, end) +
                                     "CALL algo.dijkstra(a, b, {weight: 'w'}) YIELD path RETURN path")
            base.check(f"no path from {start} to {end}", rows, [])
            continue
        pairs += 1
        if pairs <= 5:
            rows = messages.db.query(
                "college", f"MATCH (a:Person {{id: '{start}'}}) CALL algo.distances(a, {{weight: 'w'}}) "
                "YIELD node, weight RETURN node.id AS id, weight")
            check_close(f"distances from {start}", {row["id"]: row["weight"] for row in rows},
                        distances, 1e-9)
        for name, more in (("dijkstra", ""), ("aStar", ", x: 'x', y: 'y'")):
            rows = messages.db.query(
                "college", between.format(start, end) +
                f"CALL algo.{name}(a, b, {{weight: 'w'{more}}}) YIELD path, weight RETURN {path}")
            base.check(f"{name} from {start} to {end}: paths", len(rows), 1)
            for row in rows:
                check_path(f"{name} from {start} to {end}", row, start, end, distances[end])
        if pairs <= 5:
            rows = messages.db.query(
                "college", between.format(start, end) +
                f"CALL algo.kShortestPaths(a, b, {K}, {{weight: 'w'}}) YIELD index, path, weight "
                f"RETURN index, {path} ORDER BY index")
            wanted = []
            for found in nx.shortest_simple_paths(divided, start, end, weight="w"):
                wanted.append(nx.path_weight(divided, found, "w"))
                if len(wanted) == K:
                    break
            base.check(f"shortest paths from {start} to {end}", len(rows), len(wanted))
            for row, weight in zip(rows, wanted):
                check_path(f"path {row['index']} from {start} to {end}", row, start, end, weight)
                check_that(f"path {row['index']} from {start} to {end} passes no node twice",
                           len(set(row["ids"])) == len(row["ids"]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--binary", required=True)
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    if nx is None:
        print("algorithms: not run, networkx is not there (pip install networkx)")
        return
    if not os.path.exists(os.path.join(options.data, "collegemsg")):
        print(f"algorithms: not run, there is no collegemsg in {options.data}")
        return
    with tempfile.TemporaryDirectory() as work:
        messages = Messages(options.binary, options.data, work, options.seed)
        times = sorted(time for _, _, time in messages.rows)
        half = times[len(times) // 2]
        now = messages.graph()
        for graph, at, when in ((now, None, "now"), (messages.graph(half), half + 0.5, "at half time")):
            components(messages, graph, at, when)
            ranks(messages, graph, at, when)
        cohesion(messages, now)
        shortest(messages, now, options.seed)
        communities(messages, now)
        centrality(messages, now)
    print(f"algorithms on {len(messages.rows)} messages of {len(messages.places)} people against networkx "
          f"{nx.__version__}: {base.checks - len(base.failures)} answers equal, {len(base.failures)} differ")
    sys.exit(1 if base.failures else 0)


if __name__ == "__main__":
    main()
