// The official JavaScript driver against a running server: node --test driver.test.mjs
// The server's address is in BOLT_URI.

import assert from 'node:assert/strict'
import test from 'node:test'
import neo4j from 'neo4j-driver'

const uri = process.env.BOLT_URI
const auth = neo4j.auth.basic(process.env.BOLT_USER, process.env.BOLT_PASSWORD)
const driver = neo4j.driver(uri, auth, { disableLosslessIntegers: true })
test.before(() => driver.executeQuery('MATCH (n) DETACH DELETE n'))
test.after(() => driver.close())

test('the server says what it is', async () => {
  const info = await driver.getServerInfo()
  assert.match(info.agent, /^Retrograph\//)
  assert.deepEqual({ ...info.protocolVersion }, { major: 5, minor: 8 })
})

test('writes and reads', async () => {
  const { records, summary } = await driver.executeQuery(
    'UNWIND range(1, 3) AS x CREATE (a:Js {x: x})-[r:R {w: x * 0.5}]->(b:B) RETURN a, r, b'
  )
  assert.equal(summary.counters.updates().nodesCreated, 6)
  assert.deepEqual(records[0].get('a').labels, ['Js'])
  assert.equal(records[1].get('r').properties.w, 1)
  assert.equal(records[1].get('r').startNodeElementId, records[1].get('a').elementId)
})

test('explicit transactions with several results', async () => {
  const session = driver.session({ fetchSize: 10 })
  const tx = await session.beginTransaction()
  const one = tx.run('UNWIND range(1, 1000) AS x RETURN x')
  const two = tx.run('UNWIND range(1, 1000) AS x CREATE (n:JsTx) RETURN x')
  assert.equal((await two).records.length, 1000)
  assert.equal((await one).records.length, 1000)
  await tx.rollback()
  const count = await session.run('MATCH (n:JsTx) RETURN count(*) AS n')
  assert.equal(count.records[0].get('n'), 0)
  await session.close()
})

test('a result that is abandoned', async () => {
  const session = driver.session({ fetchSize: 10 })
  const result = session.run('UNWIND range(1, 10000) AS x UNWIND range(1, 10000) AS y RETURN x')
  let seen = 0
  for await (const record of result) {
    seen += record.get('x')
    if (seen >= 20) break
  }
  await session.close()
  const { records } = await driver.executeQuery('RETURN 1 AS x')
  assert.equal(records[0].get('x'), 1)
})

test('managed transactions are run again after a conflict', async () => {
  await driver.executeQuery('MERGE (c:JsCounter) SET c.n = 0')
  const session = driver.session()
  let attempts = 0
  await session.executeWrite(async (tx) => {
    await tx.run('MATCH (c:JsCounter) SET c.n = c.n + 1')
    attempts += 1
    if (attempts === 1) await driver.executeQuery('MATCH (c:JsCounter) SET c.n = 100')
  })
  assert.equal(attempts, 2)
  const { records } = await session.run('MATCH (c:JsCounter) RETURN c.n AS n')
  assert.equal(records[0].get('n'), 101)
  await session.close()
})

test('values come back as they went', async () => {
  const zoned = new neo4j.types.DateTime(2026, 7, 1, 12, 0, 0, 5, 7200, 'Europe/Stockholm')
  for (const value of [
    new neo4j.types.Date(2026, 1, 10), new neo4j.types.LocalTime(1, 2, 3, 4),
    new neo4j.types.Time(1, 2, 3, 4, 3600), new neo4j.types.LocalDateTime(2026, 1, 1, 1, 1, 1, 1),
    new neo4j.types.DateTime(2026, 1, 1, 1, 1, 1, 1, 3600), zoned,
    new neo4j.types.Duration(1, 2, 3, 4), new neo4j.types.Point(4326, 5.3, 60.4),
    new neo4j.types.Point(9157, 1.5, 2.5, 3.5), 'text', [1, [2.5, null]], { a: { b: [true] } }
  ]) {
    const { records } = await driver.executeQuery('RETURN $value AS value', { value })
    assert.equal(JSON.stringify(records[0].get('value')), JSON.stringify(value), String(value))
  }
})

test('the past', async () => {
  const session = driver.session()
  await session.run('CREATE (:JsPast {x: 1})')
  const at = await session.run('MATCH (n:JsPast) RETURN toString(system_from(n)) AS t')
  const then = at.records[0].get('t')
  await session.run('MATCH (n:JsPast) SET n.x = 2')
  const query = 'MATCH (n:JsPast) RETURN n.x AS x'
  const byMetadata = await session.run(query, {}, { metadata: { as_of: then } })
  assert.equal(byMetadata.records[0].get('x'), 1)
  const { records } = await driver.executeQuery(query, {}, { database: `drivers@${then}` })
  assert.equal(records[0].get('x'), 1)
  await session.close()
})

test('errors have their codes', async () => {
  await assert.rejects(driver.executeQuery('RETURN'), {
    code: 'Neo.ClientError.Statement.SyntaxError', gqlStatus: '42001'
  })
  await assert.rejects(driver.executeQuery('RETURN 1', {}, { database: 'nope' }), {
    code: 'Neo.ClientError.Database.DatabaseNotFound'
  })
})
