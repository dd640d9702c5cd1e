package example;

import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.neo4j.driver.AuthTokens;
import org.neo4j.driver.Driver;
import org.neo4j.driver.GraphDatabase;
import org.neo4j.driver.QueryConfig;
import org.neo4j.driver.SessionConfig;
import org.neo4j.driver.TransactionConfig;
import org.neo4j.driver.TransactionContext;
import org.neo4j.driver.exceptions.Neo4jException;

/**
 * Retrograph with the official Java driver: the present, the past, retries, streams, errors.
 *
 * <p>The driver accepts only servers whose name begins with {@code Neo4j/}: start with {@code retrograph
 * serve --compatible-agent}.
 *
 * <pre>
 * mvn compile dependency:copy-dependencies
 * BOLT_URI=bolt+s://graph.example:7687 BOLT_USER=ana BOLT_PASSWORD=… \
 *     java -cp 'target/classes:target/dependency/*' example.Accounts
 * </pre>
 */
public final class Accounts {
    private static final String BALANCE = "MATCH (a:Account {id: $id}) RETURN a.balance AS balance";
    private static final Map<String, Object> FIRST = Map.of("id", "A-1");

    private final Driver driver;

    private Accounts(Driver driver) {
        this.driver = driver;
    }

    public static void main(String[] arguments) {
        var auth = AuthTokens.basic(System.getenv("BOLT_USER"), System.getenv("BOLT_PASSWORD"));
        try (var driver = GraphDatabase.driver(System.getenv("BOLT_URI"), auth)) {
            driver.verifyConnectivity();
            new Accounts(driver).run();
        }
    }

    private void run() {
        var moment = prepare();
        long now = readNow();
        long past = readPast(moment);
        System.out.printf("A-1 has %d, and had %d at %s%n", now, past, moment.then());
        expect(now == 250 && past == 100);

        int attempts = transfer(50);
        System.out.printf("the transfer took %d attempts; A-1 has %d%n", attempts, readNow());
        expect(attempts == 2 && readNow() == 250);

        long total = stream();
        System.out.printf("the rows add up to %d%n", total);
        expect(total == 5_000_050_000L);

        // Errors have codes that stay the same when messages change.
        try {
            execute("CREATE (:Account {id: 'A-1'})");
            expect(false);
        } catch (Neo4jException error) {
            System.out.printf("a second A-1: %s%n", error.code());
            expect(error.code().equals("Neo.ClientError.Schema.ConstraintValidationFailed"));
        }
    }

    private record Moment(String then, String graph) {}

    /** Two accounts, then a change. Returns the moment before the change, and the graph's name. */
    private Moment prepare() {
        execute("MATCH (a:Account) DETACH DELETE a");
        execute("CREATE CONSTRAINT account_id IF NOT EXISTS FOR (a:Account) REQUIRE a.id IS UNIQUE");
        execute("UNWIND ['A-1', 'A-2'] AS id CREATE (:Account {id: id, balance: 100})");
        // Every element knows since when it has been as it is.
        var result = driver.executableQuery(
                        "MATCH (a:Account {id: $id}) RETURN toString(system_from(a)) AS then")
                .withParameters(FIRST)
                .execute();
        execute("MATCH (a:Account {id: 'A-1'}) SET a.balance = 250");
        var then = result.records().get(0).get("then").asString();
        return new Moment(then, result.summary().database().name());
    }

    private long readNow() {
        var result = driver.executableQuery(BALANCE).withParameters(FIRST).execute();
        return result.records().get(0).get("balance").asLong();
    }

    private long readPast(Moment moment) {
        long byMetadata;
        // A moment for one transaction …
        try (var session = driver.session()) {
            var asOf = TransactionConfig.builder()
                    .withMetadata(Map.of("as_of", moment.then()))
                    .build();
            byMetadata = session.executeRead(Accounts::balance, asOf);
        }
        // … or in the name of the database, which every tool can be given.
        var database = moment.graph() + "@" + moment.then();
        var result = driver.executableQuery(BALANCE)
                .withParameters(FIRST)
                .withConfig(QueryConfig.builder().withDatabase(database).build())
                .execute();
        expect(byMetadata == result.records().get(0).get("balance").asLong());
        return byMetadata;
    }

    /** Moves money. Whoever comes in between makes the driver run the function again. */
    private int transfer(long amount) {
        var attempts = new AtomicInteger();
        try (var session = driver.session()) {
            session.executeWriteWithoutResult(tx -> {
                long before = balance(tx);
                if (attempts.incrementAndGet() == 1) {
                    // Somebody else is quicker: this transaction can no longer commit what it has read.
                    execute("MATCH (a:Account {id: 'A-1'}) SET a.balance = 300");
                }
                tx.run(
                        "MATCH (a:Account {id: 'A-1'}) SET a.balance = $balance",
                        Map.of("balance", before - amount));
                tx.run(
                        "MATCH (a:Account {id: 'A-2'}) SET a.balance = a.balance + $amount",
                        Map.of("amount", amount));
            });
        }
        return attempts.get();
    }

    private static long balance(TransactionContext tx) {
        return tx.run(BALANCE, FIRST).single().get("balance").asLong();
    }

    /** A hundred thousand rows, of which a thousand at a time are on their way. */
    private long stream() {
        try (var session = driver.session(SessionConfig.builder().withFetchSize(1000).build())) {
            return session.run("UNWIND range(1, 100000) AS x RETURN x, 'row ' + x AS text").stream()
                    .mapToLong(row -> row.get("x").asLong())
                    .sum();
        }
    }

    private void execute(String text) {
        driver.executableQuery(text).execute();
    }

    private static void expect(boolean isAsExpected) {
        if (!isAsExpected) {
            throw new AssertionError("that is not what was expected");
        }
    }
}
