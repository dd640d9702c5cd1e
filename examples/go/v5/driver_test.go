// The official Go driver against a running server: BOLT_URI=bolt://127.0.0.1:7687 go test .
package drivers

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
)

func connect(t *testing.T) (context.Context, neo4j.DriverWithContext) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	driver, err := neo4j.NewDriverWithContext(os.Getenv("BOLT_URI"),
		neo4j.BasicAuth(os.Getenv("BOLT_USER"), os.Getenv("BOLT_PASSWORD"), ""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		driver.Close(ctx)
		cancel()
	})
	return ctx, driver
}

func query(t *testing.T, ctx context.Context, driver neo4j.DriverWithContext, text string,
	parameters map[string]any, options ...neo4j.ExecuteQueryConfigurationOption) *neo4j.EagerResult {
	t.Helper()
	result, err := neo4j.ExecuteQuery(ctx, driver, text, parameters, neo4j.EagerResultTransformer, options...)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestWritesAndReads(t *testing.T) {
	ctx, driver := connect(t)
	result := query(t, ctx, driver, "CREATE (a:Go {x: $x})-[r:R]->(:B) RETURN a, r", map[string]any{"x": 7})
	node := result.Records[0].Values[0].(neo4j.Node)
	if node.Labels[0] != "Go" || node.Props["x"] != int64(7) {
		t.Errorf("wrong node: %v", node)
	}
	if result.Summary.Counters().NodesCreated() != 2 {
		t.Errorf("wrong counters: %v", result.Summary.Counters())
	}
	if agent := result.Summary.Server().Agent(); agent[:11] != "Retrograph/" {
		t.Errorf("wrong agent: %s", agent)
	}
}

func TestSeveralResultsOfATransaction(t *testing.T) {
	ctx, driver := connect(t)
	session := driver.NewSession(ctx, neo4j.SessionConfig{FetchSize: 10})
	defer session.Close(ctx)
	tx, err := session.BeginTransaction(ctx)
	if err != nil {
		t.Fatal(err)
	}
	one, err := tx.Run(ctx, "UNWIND range(1, 1000) AS x RETURN x", nil)
	if err != nil {
		t.Fatal(err)
	}
	two, err := tx.Run(ctx, "UNWIND range(1, 1000) AS x CREATE (n:GoTx) RETURN x", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range []neo4j.ResultWithContext{two, one} {
		records, err := result.Collect(ctx)
		if err != nil || len(records) != 1000 {
			t.Fatalf("%d records, %v", len(records), err)
		}
	}
	if err := tx.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestAConflictIsRetried(t *testing.T) {
	ctx, driver := connect(t)
	query(t, ctx, driver, "MERGE (c:GoCounter) SET c.n = 0", nil)
	session := driver.NewSession(ctx, neo4j.SessionConfig{})
	defer session.Close(ctx)
	attempts := 0
	_, err := session.ExecuteWrite(ctx, func(tx neo4j.ManagedTransaction) (any, error) {
		attempts++
		if _, err := tx.Run(ctx, "MATCH (c:GoCounter) SET c.n = c.n + 1", nil); err != nil {
			return nil, err
		}
		if attempts == 1 {
			query(t, ctx, driver, "MATCH (c:GoCounter) SET c.n = 100", nil)
		}
		return nil, nil
	})
	if err != nil || attempts != 2 {
		t.Fatalf("%d attempts, %v", attempts, err)
	}
}

func TestThePast(t *testing.T) {
	ctx, driver := connect(t)
	query(t, ctx, driver, "MATCH (n:GoPast) DELETE n", nil)
	query(t, ctx, driver, "CREATE (:GoPast {x: 1})", nil)
	at := query(t, ctx, driver, "MATCH (n:GoPast) RETURN toString(system_from(n)) AS t", nil)
	then := at.Records[0].Values[0].(string)
	query(t, ctx, driver, "MATCH (n:GoPast) SET n.x = 2", nil)
	past := query(t, ctx, driver, "MATCH (n:GoPast) RETURN n.x AS x", nil,
		neo4j.ExecuteQueryWithDatabase("drivers@"+then))
	if past.Records[0].Values[0] != int64(1) {
		t.Errorf("wrong past: %v", past.Records[0])
	}
	session := driver.NewSession(ctx, neo4j.SessionConfig{})
	defer session.Close(ctx)
	result, err := session.Run(ctx, "MATCH (n:GoPast) RETURN n.x AS x", nil,
		neo4j.WithTxMetadata(map[string]any{"as_of": then}))
	if err != nil {
		t.Fatal(err)
	}
	record, err := result.Single(ctx)
	if err != nil || record.Values[0] != int64(1) {
		t.Errorf("wrong past: %v, %v", record, err)
	}
}

func TestErrorsHaveTheirCodes(t *testing.T) {
	ctx, driver := connect(t)
	_, err := neo4j.ExecuteQuery(ctx, driver, "RETURN", nil, neo4j.EagerResultTransformer)
	var failure *neo4j.Neo4jError
	if !errors.As(err, &failure) || failure.Code != "Neo.ClientError.Statement.SyntaxError" {
		t.Errorf("wrong error: %v", err)
	}
}
