// Retrograph with the official JavaScript driver: the present, the past, retries, streams, errors.
//
//     BOLT_URI=bolt+s://graph.example:7687 BOLT_USER=ana BOLT_PASSWORD=… node accounts.mjs

import assert from 'node:assert/strict'
import neo4j from 'neo4j-driver'

const { BOLT_URI, BOLT_USER, BOLT_PASSWORD } = process.env
const balanceQuery = 'MATCH (a:Account {id: $id}) RETURN a.balance AS balance'

/** Two accounts, then a change. Returns the moment before the change, and the graph's name. */
async function prepare (driver) {
  await driver.executeQuery('MATCH (a:Account) DETACH DELETE a')
  await driver.executeQuery(
    'CREATE CONSTRAINT account_id IF NOT EXISTS FOR (a:Account) REQUIRE a.id IS UNIQUE')
  await driver.executeQuery("UNWIND ['A-1', 'A-2'] AS id CREATE (:Account {id: id, balance: 100})")
  // Every element knows since when it has been as it is.
  const { records, summary } = await driver.executeQuery(
    "MATCH (a:Account {id: 'A-1'}) RETURN toString(system_from(a)) AS then")
  await driver.executeQuery("MATCH (a:Account {id: 'A-1'}) SET a.balance = 250")
  return { then: records[0].get('then'), graph: summary.database.name }
}

async function readNow (driver) {
  const { records } = await driver.executeQuery(balanceQuery, { id: 'A-1' })
  return records[0].get('balance')
}

async function readPast (driver, then, graph) {
  // A moment for one transaction …
  const session = driver.session({ defaultAccessMode: neo4j.session.READ })
  const byMetadata = await session.executeRead(async tx => {
    const result = await tx.run(balanceQuery, { id: 'A-1' })
    return result.records[0].get('balance')
  }, { metadata: { as_of: then } })
  await session.close()
  // … or in the name of the database, which every tool can be given.
  const database = `${graph}@${then}`
  const { records } = await driver.executeQuery(balanceQuery, { id: 'A-1' }, { database })
  assert.equal(byMetadata, records[0].get('balance'))
  return byMetadata
}

/** Moves money. Whoever comes in between makes the driver run the function again. */
async function transfer (driver, amount) {
  let attempts = 0
  const session = driver.session()
  try {
    await session.executeWrite(async tx => {
      attempts += 1
      const result = await tx.run(balanceQuery, { id: 'A-1' })
      const balance = result.records[0].get('balance') - amount
      if (attempts === 1) {
        // Somebody else is quicker: this transaction can no longer commit what it has read.
        await driver.executeQuery("MATCH (a:Account {id: 'A-1'}) SET a.balance = 300")
      }
      await tx.run("MATCH (a:Account {id: 'A-1'}) SET a.balance = $balance", { balance })
      await tx.run("MATCH (a:Account {id: 'A-2'}) SET a.balance = a.balance + $amount", { amount })
    })
  } finally {
    await session.close()
  }
  return attempts
}

/** A hundred thousand rows, of which a thousand at a time are on their way. */
async function stream (driver) {
  const session = driver.session({ fetchSize: 1000 })
  let total = 0
  for await (const record of session.run("UNWIND range(1, 100000) AS x RETURN x, 'row ' + x AS text")) {
    total += record.get('x')
  }
  await session.close()
  return total
}

const driver = neo4j.driver(BOLT_URI, neo4j.auth.basic(BOLT_USER, BOLT_PASSWORD),
  { disableLosslessIntegers: true })
try {
  const { then, graph } = await prepare(driver)
  const [now, past] = [await readNow(driver), await readPast(driver, then, graph)]
  console.log(`A-1 has ${now}, and had ${past} at ${then}`)
  assert.deepEqual([now, past], [250, 100])

  const attempts = await transfer(driver, 50)
  console.log(`the transfer took ${attempts} attempts; A-1 has ${await readNow(driver)}`)
  assert.deepEqual([attempts, await readNow(driver)], [2, 250])

  const total = await stream(driver)
  console.log(`the rows add up to ${total}`)
  assert.equal(total, 5000050000)

  // Errors have codes that stay the same when messages change.
  await assert.rejects(driver.executeQuery("CREATE (:Account {id: 'A-1'})"), error => {
    console.log(`a second A-1: ${error.code}`)
    return error.code === 'Neo.ClientError.Schema.ConstraintValidationFailed'
  })
} finally {
  await driver.close()
}
