// Retrograph with the official Go driver: the present, the past, retries, streams, errors.
//
//	BOLT_URI=bolt+s://graph.example:7687 BOLT_USER=ana BOLT_PASSWORD=… go run .
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/neo4j/neo4j-go-driver/v6/neo4j"
)

const balanceQuery = "MATCH (a:Account {id: $id}) RETURN a.balance AS balance"

var first = map[string]any{"id": "A-1"}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	auth := neo4j.BasicAuth(os.Getenv("BOLT_USER"), os.Getenv("BOLT_PASSWORD"), "")
	driver, err := neo4j.NewDriver(os.Getenv("BOLT_URI"), auth)
	must(err)
	defer driver.Close(ctx)

	then, graph := prepare(ctx, driver)
	now, past := readNow(ctx, driver), readPast(ctx, driver, then, graph)
	fmt.Printf("A-1 has %d, and had %d at %s\n", now, past, then)
	expect(now == 250 && past == 100)

	attempts := transfer(ctx, driver, 50)
	fmt.Printf("the transfer took %d attempts; A-1 has %d\n", attempts, readNow(ctx, driver))
	expect(attempts == 2 && readNow(ctx, driver) == 250)

	total := stream(ctx, driver)
	fmt.Printf("the rows add up to %d\n", total)
	expect(total == 5000050000)

	// Errors have codes that stay the same when messages change.
	_, err = neo4j.ExecuteQuery(ctx, driver, "CREATE (:Account {id: 'A-1'})", nil, neo4j.EagerResultTransformer)
	var failure *neo4j.Neo4jError
	expect(errors.As(err, &failure))
	fmt.Printf("a second A-1: %s\n", failure.Code)
	expect(failure.Code == "Neo.ClientError.Schema.ConstraintValidationFailed")
}

// Two accounts, then a change. Returns the moment before the change, and the graph's name.
func prepare(ctx context.Context, driver neo4j.Driver) (string, string) {
	for _, text := range []string{
		"MATCH (a:Account) DETACH DELETE a",
		"CREATE CONSTRAINT account_id IF NOT EXISTS FOR (a:Account) REQUIRE a.id IS UNIQUE",
		"UNWIND ['A-1', 'A-2'] AS id CREATE (:Account {id: id, balance: 100})",
	} {
		query(ctx, driver, text, nil)
	}
	// Every element knows since when it has been as it is.
	result := query(ctx, driver, "MATCH (a:Account {id: $id}) RETURN toString(system_from(a)) AS then", first)
	query(ctx, driver, "MATCH (a:Account {id: $id}) SET a.balance = 250", first)
	then, _, err := neo4j.GetRecordValue[string](result.Records[0], "then")
	must(err)
	return then, result.Summary.Database().Name()
}

func readNow(ctx context.Context, driver neo4j.Driver) int64 {
	return query(ctx, driver, balanceQuery, first).Records[0].Values[0].(int64)
}

func readPast(ctx context.Context, driver neo4j.Driver, then, graph string) int64 {
	// A moment for one transaction …
	session := driver.NewSession(ctx, neo4j.SessionConfig{AccessMode: neo4j.AccessModeRead})
	defer session.Close(ctx)
	byMetadata, err := neo4j.ExecuteRead(ctx, session, func(tx neo4j.ManagedTransaction) (int64, error) {
		return balance(ctx, tx)
	}, neo4j.WithTxMetadata(map[string]any{"as_of": then}))
	must(err)
	// … or in the name of the database, which every tool can be given.
	result := query(ctx, driver, balanceQuery, first, neo4j.ExecuteQueryWithDatabase(graph+"@"+then))
	expect(result.Records[0].Values[0] == byMetadata)
	return byMetadata
}

// Moves money. Whoever comes in between makes the driver run the function again.
func transfer(ctx context.Context, driver neo4j.Driver, amount int64) (attempts int) {
	session := driver.NewSession(ctx, neo4j.SessionConfig{})
	defer session.Close(ctx)
	_, err := session.ExecuteWrite(ctx, func(tx neo4j.ManagedTransaction) (any, error) {
		attempts++
		before, err := balance(ctx, tx)
		if err != nil {
			return nil, err
		}
		if attempts == 1 {
			// Somebody else is quicker: this transaction can no longer commit what it has read.
			query(ctx, driver, "MATCH (a:Account {id: $id}) SET a.balance = 300", first)
		}
		parameters := map[string]any{"balance": before - amount, "amount": amount}
		if _, err = tx.Run(ctx, "MATCH (a:Account {id: 'A-1'}) SET a.balance = $balance", parameters); err != nil {
			return nil, err
		}
		_, err = tx.Run(ctx, "MATCH (a:Account {id: 'A-2'}) SET a.balance = a.balance + $amount", parameters)
		return nil, err
	})
	must(err)
	return attempts
}

func balance(ctx context.Context, tx neo4j.ManagedTransaction) (int64, error) {
	result, err := tx.Run(ctx, balanceQuery, first)
	if err != nil {
		return 0, err
	}
	record, err := result.Single(ctx)
	if err != nil {
		return 0, err
	}
	value, _, err := neo4j.GetRecordValue[int64](record, "balance")
	return value, err
}

// A hundred thousand rows, of which a thousand at a time are on their way.
func stream(ctx context.Context, driver neo4j.Driver) (total int64) {
	session := driver.NewSession(ctx, neo4j.SessionConfig{FetchSize: 1000})
	defer session.Close(ctx)
	result, err := session.Run(ctx, "UNWIND range(1, 100000) AS x RETURN x, 'row ' + x AS text", nil)
	must(err)
	for result.Next(ctx) {
		total += result.Record().Values[0].(int64)
	}
	must(result.Err())
	return total
}

func query(ctx context.Context, driver neo4j.Driver, text string, parameters map[string]any,
	options ...neo4j.ExecuteQueryConfigurationOption) *neo4j.EagerResult {
	result, err := neo4j.ExecuteQuery(ctx, driver, text, parameters, neo4j.EagerResultTransformer, options...)
	must(err)
	return result
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func expect(asExpected bool) {
	if !asExpected {
		log.Fatal("that is not what was expected")
	}
}
