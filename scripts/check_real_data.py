#!/usr/bin/env python3
"""Imports real data with the retrograph command and checks answers, now and in the past, against an
independent computation over the input.

    scripts/check_real_data.py --binary target/release/retrograph --data ../shared/data [--git REPO]

The data: LDBC SNB test data with its update streams, SNAP CollegeMsg, a history of TiKV, and any git
repository. A set that is not there is reported as not run. Exit code 1 if an answer differs.
"""

import argparse
import collections
import csv
import datetime
import json
import os
import random
import subprocess
import sys
import tempfile

checks = 0
failures = []


class Retrograph:
    """The command on one data directory."""

    def __init__(self, binary, directory):
        self.binary = binary
        self.directory = directory

    def run(self, *arguments):
        done = subprocess.run(
            [self.binary, "--data", self.directory, *arguments], capture_output=True, text=True
        )
        if done.returncode != 0:
            sys.exit(f"retrograph {' '.join(arguments)} failed:\n{done.stderr}")
        return done.stdout

    def query(self, graph, text, as_of=None):
        arguments = ["query", graph, text, "--output", "json"]
        if as_of is not None:
            arguments += ["--as-of", instant(as_of)]
        return [json.loads(line) for line in self.run(*arguments).splitlines()]

    def value(self, graph, text, as_of=None):
        rows = self.query(graph, text, as_of)
        return next(iter(rows[0].values())) if rows else None


def instant(seconds):
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def check(what, got, wanted):
    global checks
    checks += 1
    if got != wanted:
        failures.append(what)
        print(f"  DIFFERS {what}: got {got!r}, computed {wanted!r}")


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def college_messages(db, data, work):
    source = os.path.join(data, "collegemsg", "CollegeMsg.txt")
    header = write(os.path.join(work, "msg.header"), ":START_ID(Person) :END_ID(Person) :TIME(s)\n")
    db.run("import", "csv", "--graph", "college", "--relationships", f"MESSAGE={header},{source}",
           "--delimiter", " ", "--ignore-data-headers", "--create-ends", "--history")
    with open(source, encoding="utf-8") as file:
        next(file)
        messages = [tuple(map(int, line.split())) for line in file]
    times = sorted({message[2] for message in messages})
    instants = random.sample(times, 4) + [times[0], times[-1]]
    busiest = collections.Counter(message[0] for message in messages).most_common(1)[0][0]
    for at in instants:
        past = [message for message in messages if message[2] <= at]
        check(f"messages at {at}",
              db.value("college", "MATCH ()-[m:MESSAGE]->() RETURN count(m) AS n", at), len(past))
        people = {person for message in past for person in message[:2]}
        check(f"people at {at}",
              db.value("college", "MATCH (p:Person) RETURN count(*) AS n", at), len(people))
        contacts = {to for frm, to, _ in past if frm == busiest}
        check(f"contacts of {busiest} at {at}", db.value(
            "college",
            f"MATCH (:Person {{id: '{busiest}'}})-[:MESSAGE]->(b) RETURN count(DISTINCT b) AS n",
            at), len(contacts))
        out = collections.defaultdict(set)
        for frm, to, _ in past:
            out[frm].add(to)
        second = {c for b in out[busiest] for c in out[b]}
        check(f"contacts of contacts of {busiest} at {at}", db.value(
            "college",
            f"MATCH (:Person {{id: '{busiest}'}})-[:MESSAGE]->()-[:MESSAGE]->(c) "
            "RETURN count(DISTINCT c) AS n", at), len(second))
    return f"{len(messages)} messages of {len({p for m in messages for p in m[:2]})} people"


def tikv_history(db, data, work):
    folder = os.path.join(data, "git-tikv")
    edges = os.path.join(folder, "edges.csv")
    files = os.path.join(folder, "files.csv")
    file_header = write(os.path.join(work, "f.header"), "id:ID,path\n")
    edge_header = write(os.path.join(work, "e.header"), ":TYPE,:START_ID,:END_ID,:TIME(s),op\n")
    with open(os.path.join(folder, "commits.csv"), encoding="utf-8") as file:
        commit_rows = list(csv.DictReader(file))
    with open(edges, encoding="utf-8") as file:
        edge_rows = list(csv.DictReader(file))
    with open(files, encoding="utf-8") as file:
        file_rows = list(csv.reader(file))
    times = sorted({int(row["ts"]) for row in commit_rows})
    # Clocks of committers differ: a commit is known from when its first relationship is.
    known = {row["sha"]: int(row["ts"]) for row in commit_rows}
    for row in edge_rows:
        for end in (row["src"], row["dst"]):
            if end in known:
                known[end] = min(known[end], int(row["ts"]))
    commits = write(os.path.join(work, "commits.csv"), "sha:ID,:TIME(s),author\n" + "".join(
        f"{row['sha']},{known[row['sha']]},{row['author']}\n" for row in commit_rows))
    # The file of files has no header line of its own, so it is imported first.
    db.run("import", "csv", "--graph", "tikv", "--nodes", f"File={file_header},{files}",
           "--history", "--default-time", instant(times[0] - 1))
    db.run("import", "csv", "--graph", "tikv", "--nodes", f"Commit={commits}",
           "--relationships", f"{edge_header},{edges}", "--ignore-data-headers",
           "--existing", "=File.id", "--create-ends", "Author", "--history")
    for at in random.sample(times, 4) + [times[-1]]:
        past = [row for row in edge_rows if int(row["ts"]) <= at]
        check(f"commits at {at}", db.value("tikv", "MATCH (c:Commit) RETURN count(*) AS n", at),
              sum(time <= at for time in known.values()))
        check(f"files at {at}", db.value("tikv", "MATCH (f:File) RETURN count(*) AS n", at),
              len(file_rows))
        for kind in ("AUTHORED", "TOUCHED", "PARENT"):
            check(f"{kind} at {at}",
                  db.value("tikv", f"MATCH ()-[r:{kind}]->() RETURN count(r) AS n", at),
                  sum(row["type"] == kind for row in past))
        authored = collections.Counter(row["src"] for row in past if row["type"] == "AUTHORED")
        if authored:
            author, _ = authored.most_common(1)[0]
            own = {row["dst"] for row in past if row["type"] == "AUTHORED" and row["src"] == author}
            touched = {row["dst"] for row in past if row["type"] == "TOUCHED" and row["src"] in own}
            check(f"files touched by {author} at {at}", db.value(
                "tikv", f"MATCH (:Author {{id: '{author}'}})-[:AUTHORED]->()-[:TOUCHED]->(f) "
                "RETURN count(DISTINCT f) AS n", at), len(touched))
    return f"{len(commit_rows)} commits, {len(edge_rows)} relationships"


# file, label or type, header; `*` in a header is the creation date of the row
LDBC_NODES = [
    ("static/organisation_0_0", "Organisation", "id:long:ID(Organisation)|type|name|url"),
    ("static/place_0_0", "Place", "id:long:ID(Place)|name|url|type"),
    ("static/tag_0_0", "Tag", "id:long:ID(Tag)|name|url"),
    ("static/tagclass_0_0", "TagClass", "id:long:ID(TagClass)|name|url"),
    ("dynamic/person_0_0", "Person",
     "id:long:ID(Person)|firstName|lastName|gender|birthday:long|creationDate:long|locationIP|"
     "browserUsed|language:string[]|email:string[]"),
    ("dynamic/forum_0_0", "Forum", "id:long:ID(Forum)|title|creationDate:long"),
    ("dynamic/post_0_0", "Post:Message",
     "id:long:ID(Post)|imageFile|creationDate:long|locationIP|browserUsed|language|content|"
     "length:int"),
    ("dynamic/comment_0_0", "Comment:Message",
     "id:long:ID(Comment)|creationDate:long|locationIP|browserUsed|content|length:int"),
]
LDBC_RELATIONSHIPS = [
    ("static/organisation_isLocatedIn_place_0_0", "IS_LOCATED_IN", "Organisation", "Place", ""),
    ("static/place_isPartOf_place_0_0", "IS_PART_OF", "Place", "Place", ""),
    ("static/tag_hasType_tagclass_0_0", "HAS_TYPE", "Tag", "TagClass", ""),
    ("static/tagclass_isSubclassOf_tagclass_0_0", "IS_SUBCLASS_OF", "TagClass", "TagClass", ""),
    ("dynamic/comment_hasCreator_person_0_0", "HAS_CREATOR", "Comment", "Person", ""),
    ("dynamic/comment_hasTag_tag_0_0", "HAS_TAG", "Comment", "Tag", ""),
    ("dynamic/comment_isLocatedIn_place_0_0", "IS_LOCATED_IN", "Comment", "Place", ""),
    ("dynamic/comment_replyOf_comment_0_0", "REPLY_OF", "Comment", "Comment", ""),
    ("dynamic/comment_replyOf_post_0_0", "REPLY_OF", "Comment", "Post", ""),
    ("dynamic/forum_containerOf_post_0_0", "CONTAINER_OF", "Forum", "Post", ""),
    ("dynamic/forum_hasMember_person_0_0", "HAS_MEMBER", "Forum", "Person", "|joinDate:long"),
    ("dynamic/forum_hasModerator_person_0_0", "HAS_MODERATOR", "Forum", "Person", ""),
    ("dynamic/forum_hasTag_tag_0_0", "HAS_TAG", "Forum", "Tag", ""),
    ("dynamic/person_hasInterest_tag_0_0", "HAS_INTEREST", "Person", "Tag", ""),
    ("dynamic/person_isLocatedIn_place_0_0", "IS_LOCATED_IN", "Person", "Place", ""),
    ("dynamic/person_knows_person_0_0", "KNOWS", "Person", "Person", "|creationDate:long"),
    ("dynamic/person_likes_comment_0_0", "LIKES", "Person", "Comment", "|creationDate:long"),
    ("dynamic/person_likes_post_0_0", "LIKES", "Person", "Post", "|creationDate:long"),
    ("dynamic/person_studyAt_organisation_0_0", "STUDY_AT", "Person", "Organisation",
     "|classYear:int"),
    ("dynamic/person_workAt_organisation_0_0", "WORK_AT", "Person", "Organisation",
     "|workFrom:int"),
    ("dynamic/post_hasCreator_person_0_0", "HAS_CREATOR", "Post", "Person", ""),
    ("dynamic/post_hasTag_tag_0_0", "HAS_TAG", "Post", "Tag", ""),
    ("dynamic/post_isLocatedIn_place_0_0", "IS_LOCATED_IN", "Post", "Place", ""),
]


def ldbc_updates(folder):
    """The inserts of the update streams in time order, as lines for `import jsonl`."""
    rows = []
    for name in ("updateStream_0_0_person.csv", "updateStream_0_0_forum.csv"):
        with open(os.path.join(folder, "update_streams", name), encoding="utf-8") as file:
            rows += [line.rstrip("\n").split("|") for line in file]
    rows.sort(key=lambda row: int(row[0]))
    for row in rows:
        time, kind, rest = int(row[0]), int(row[2]), row[3:]
        lines = []

        def node(label, identifier, **properties):
            properties = {k: v for k, v in properties.items() if v not in ("", None, [])}
            labels = [label, "Message"] if label in ("Post", "Comment") else [label]
            lines.append({"type": "node", "space": label, "id": identifier, "labels": labels,
                          "properties": {"id": int(identifier), **properties}, "time": time})

        def link(kind, start, end, **properties):
            lines.append({"type": "relationship", "label": kind, "time": time,
                          "start": {"space": start[0], "id": start[1]},
                          "end": {"space": end[0], "id": end[1]}, "properties": properties})

        if kind == 1:
            person = ("Person", rest[0])
            node("Person", rest[0], firstName=rest[1], lastName=rest[2], gender=rest[3],
                 birthday=int(rest[4]), creationDate=int(rest[5]), locationIP=rest[6],
                 browserUsed=rest[7], language=rest[9].split(";"), email=rest[10].split(";"))
            link("IS_LOCATED_IN", person, ("Place", rest[8]))
            for tag in filter(None, rest[11].split(";")):
                link("HAS_INTEREST", person, ("Tag", tag))
            for relation, key, items in (("STUDY_AT", "classYear", rest[12]),
                                         ("WORK_AT", "workFrom", rest[13])):
                for item in filter(None, items.split(";")):
                    organisation, year = item.split(",")
                    link(relation, person, ("Organisation", organisation), **{key: int(year)})
        elif kind in (2, 3):
            message = "Post" if kind == 2 else "Comment"
            link("LIKES", ("Person", rest[0]), (message, rest[1]), creationDate=int(rest[2]))
        elif kind == 4:
            node("Forum", rest[0], title=rest[1], creationDate=int(rest[2]))
            link("HAS_MODERATOR", ("Forum", rest[0]), ("Person", rest[3]))
            for tag in filter(None, rest[4].split(";")):
                link("HAS_TAG", ("Forum", rest[0]), ("Tag", tag))
        elif kind == 5:
            link("HAS_MEMBER", ("Forum", rest[0]), ("Person", rest[1]), joinDate=int(rest[2]))
        elif kind == 6:
            post = ("Post", rest[0])
            node("Post", rest[0], imageFile=rest[1], creationDate=int(rest[2]), locationIP=rest[3],
                 browserUsed=rest[4], language=rest[5], content=rest[6], length=int(rest[7]))
            link("HAS_CREATOR", post, ("Person", rest[8]))
            link("CONTAINER_OF", ("Forum", rest[9]), post)
            link("IS_LOCATED_IN", post, ("Place", rest[10]))
            for tag in filter(None, rest[11].split(";")):
                link("HAS_TAG", post, ("Tag", tag))
        elif kind == 7:
            comment = ("Comment", rest[0])
            node("Comment", rest[0], creationDate=int(rest[1]), locationIP=rest[2],
                 browserUsed=rest[3], content=rest[4], length=int(rest[5]))
            link("HAS_CREATOR", comment, ("Person", rest[6]))
            link("IS_LOCATED_IN", comment, ("Place", rest[7]))
            parent = ("Post", rest[8]) if rest[8] != "-1" else ("Comment", rest[9])
            link("REPLY_OF", comment, parent)
            for tag in filter(None, rest[10].split(";")):
                link("HAS_TAG", comment, ("Tag", tag))
        elif kind == 8:
            link("KNOWS", ("Person", rest[0]), ("Person", rest[1]), creationDate=int(rest[2]))
        yield from lines


def ldbc(db, data, work):
    folder = os.path.join(data, "ldbc-snb-v1")
    arguments = ["import", "csv", "--graph", "ldbc", "--delimiter", "|", "--array-delimiter", ";",
                 "--ignore-data-headers", "--history"]
    known = {}
    for number, (name, labels, header) in enumerate(LDBC_NODES):
        path = os.path.join(folder, "vanilla", name + ".csv")
        header = write(os.path.join(work, f"n{number}.header"), header + "\n")
        arguments += ["--nodes", f"{labels}={header},{path}"]
        with open(path, encoding="utf-8") as file:
            next(file)
            known[labels.split(":")[0]] = {line.split("|")[0] for line in file}
    links = []
    for number, (name, kind, start, end, more) in enumerate(LDBC_RELATIONSHIPS):
        path = os.path.join(folder, "vanilla", name + ".csv")
        header = write(os.path.join(work, f"r{number}.header"),
                       f":START_ID({start})|:END_ID({end}){more}\n")
        arguments += ["--relationships", f"{kind}={header},{path}"]
        with open(path, encoding="utf-8") as file:
            next(file)
            links += [(0, kind, (start, row[0]), (end, row[1]))
                      for row in (line.rstrip("\n").split("|") for line in file)]
    updates = list(ldbc_updates(folder))
    first = updates[0]["time"] / 1000
    db.run(*arguments, "--default-time", instant(first - 3600))
    stream = write(os.path.join(work, "updates.jsonl"),
                   "".join(json.dumps(line) + "\n" for line in updates))
    existing = [argument for label in known for argument in ("--existing", f"{label}={label}.id")]
    db.run("import", "jsonl", "--graph", "ldbc", stream, "--history", *existing)

    nodes = [(0, label, identifier) for label in known for identifier in known[label]]
    for line in updates:
        if line["type"] == "node":
            nodes.append((line["time"], line["labels"][0], line["id"]))
        else:
            links.append((line["time"], line["label"], (line["start"]["space"], line["start"]["id"]),
                          (line["end"]["space"], line["end"]["id"])))
    times = sorted({line["time"] for line in updates})
    for at in [times[0] - 1] + random.sample(times, 3) + [times[-1]]:
        then = at / 1000
        labels = collections.Counter(label for time, label, _ in nodes if time <= at)
        past = [link for link in links if link[0] <= at]
        kinds = collections.Counter(kind for _, kind, _, _ in past)
        for label, count in labels.items():
            check(f"LDBC {label} at {at}",
                  db.value("ldbc", f"MATCH (n:{label}) RETURN count(*) AS n", then), count)
        for kind, count in kinds.items():
            check(f"LDBC {kind} at {at}",
                  db.value("ldbc", f"MATCH ()-[r:{kind}]->() RETURN count(r) AS n", then), count)
        friends = collections.defaultdict(set)
        for _, kind, start, end in past:
            if kind == "KNOWS":
                friends[start[1]].add(end[1])
                friends[end[1]].add(start[1])
        person = max(friends, key=lambda p: len(friends[p]))
        within = friends[person] | {c for b in friends[person] for c in friends[b]}
        check(f"LDBC friends within two steps of {person} at {at}", db.value(
            "ldbc", f"MATCH (:Person {{id: {person}}})-[:KNOWS*1..2]-(f) "
            f"WHERE f.id <> {person} RETURN count(DISTINCT f) AS n", then),
            len(within - {person}))
        creator = {start: end[1] for _, kind, start, end in past if kind == "HAS_CREATOR"}
        likes = collections.Counter(creator[end] for _, kind, _, end in past if kind == "LIKES")
        top = sorted(likes.items(), key=lambda item: (-item[1], int(item[0])))[:5]
        rows = db.query(
            "ldbc", "MATCH (:Person)-[:LIKES]->()-[:HAS_CREATOR]->(p:Person) "
            "RETURN p.id AS id, count(*) AS likes ORDER BY likes DESC, id LIMIT 5", then)
        check(f"LDBC most liked at {at}", [(str(row["id"]), row["likes"]) for row in rows], top)
    return f"{len(nodes)} nodes, {len(links)} relationships, {len(times)} moments of update"


def git_history(db, repository):
    db.run("import", "git", "--graph", "git", repository, "--history")
    separator = "\x1f"
    log = subprocess.run(
        ["git", "-C", repository, "log", "--date-order", "--reverse", "--no-renames", "--name-status",
         f"--format=%x1e{separator.join(['%H', '%P', '%ae', '%ct'])}%x1f"],
        capture_output=True, check=True).stdout.decode("utf-8", "replace")
    commits = []
    for block in log.split("\x1e")[1:]:
        sha, parents, author, time, changes = block.split(separator, 4)
        paths = [line.split("\t", 1) for line in changes.strip("\n").split("\n") if "\t" in line]
        commits.append((sha, parents.split(), author, int(time), paths))
    # The database asserts increasing times: a commit whose clock ran behind counts from its parent on.
    asserted, last = [], 0
    for commit in commits:
        last = max(last, commit[3])
        asserted.append(last)
    check("git commits", db.value("git", "MATCH (c:Commit) RETURN count(*) AS n"), len(commits))
    check("git parents", db.value("git", "MATCH ()-[r:PARENT]->() RETURN count(r) AS n"),
          sum(len(commit[1]) for commit in commits))
    check("git changes", db.value("git", "MATCH ()-[r:TOUCHED]->() RETURN count(r) AS n"),
          sum(len(commit[4]) for commit in commits))
    check("git authors", db.value("git", "MATCH (a:Author) RETURN count(*) AS n"),
          len({commit[2] for commit in commits}))
    for position in random.sample(range(len(commits)), min(4, len(commits))):
        at = asserted[position]
        past = [commit for commit, time in zip(commits, asserted) if time <= at]
        # Half a second later: commits of one second follow each other by a microsecond.
        then = at + 0.5
        check(f"git commits at {at}",
              db.value("git", "MATCH (c:Commit) RETURN count(*) AS n", then), len(past))
        author = collections.Counter(commit[2] for commit in past).most_common(1)[0][0]
        check(f"git commits of {author} at {at}", db.value(
            "git", f"MATCH (:Author {{email: '{author}'}})-[:AUTHORED]->(c) "
            "RETURN count(c) AS n", then), sum(commit[2] == author for commit in past))
    return f"{len(commits)} commits"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--binary", required=True)
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--git", help="a git repository to import")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    random.seed(options.seed)
    sets = [(name, os.path.join(options.data, folder), lambda db, work, load=load:
             load(db, options.data, work))
            for name, folder, load in (("CollegeMsg", "collegemsg", college_messages),
                                       ("TiKV history", "git-tikv", tikv_history),
                                       ("LDBC SNB", "ldbc-snb-v1", ldbc))]
    if options.git:
        sets.append(("git", options.git, lambda db, work: git_history(db, options.git)))
    not_run = 0
    with tempfile.TemporaryDirectory() as work:
        for name, path, load in sets:
            if not os.path.exists(path):
                print(f"{name}: not run, {path} is not there")
                not_run += 1
                continue
            before = checks
            db = Retrograph(options.binary, os.path.join(work, "data-" + name.replace(" ", "-")))
            what = load(db, work)
            print(f"{name}: {what}; {checks - before} answers checked")
    print(f"{checks - len(failures)} passed, {len(failures)} failed, {not_run} skipped")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
