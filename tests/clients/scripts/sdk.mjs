// The AWS SDK for JavaScript: environments, both tokens, a DAG started through InvokeRestApi.
import { createRequire } from "node:module";
import assert from "node:assert";

const require = createRequire(process.argv[2] + "/");
const { MWAAClient, ...sdk } = require("@aws-sdk/client-mwaa");
const Name = process.argv[3];
const client = new MWAAClient({
  endpoint: process.env.AWS_ENDPOINT_URL_MWAA,
  region: process.env.AWS_DEFAULT_REGION,
  disableHostPrefix: true,
});
const names = [];
for await (const page of sdk.paginateListEnvironments({ client }, {})) names.push(...page.Environments);
assert(names.includes(Name));
const { Environment } = await client.send(new sdk.GetEnvironmentCommand({ Name }));
assert.equal(Environment.Status, "AVAILABLE");
assert(Environment.CreatedAt instanceof Date);
const { CliToken, WebServerHostname } = await client.send(new sdk.CreateCliTokenCommand({ Name }));
const answer = await fetch(`https://${WebServerHostname}/aws_mwaa/cli`, {
  method: "POST",
  headers: { Authorization: `Bearer ${CliToken}`, "Content-Type": "text/plain" },
  body: "dags list -o json",
});
const { stdout } = await answer.json();
assert.deepEqual(JSON.parse(Buffer.from(stdout, "base64").toString()).map((dag) => dag.dag_id), ["quick"]);
assert((await client.send(new sdk.CreateWebLoginTokenCommand({ Name }))).WebToken);
if (sdk.InvokeRestApiCommand) {  // not in every release of the SDK
  const Body = { logical_date: null };
  const run = await client.send(new sdk.InvokeRestApiCommand({ Name, Path: "/dags/quick/dagRuns", Method: "POST", Body }));
  assert.equal(run.RestApiStatusCode, 200);
}
await assert.rejects(client.send(new sdk.GetEnvironmentCommand({ Name: "nobody" })), { name: "ResourceNotFoundException" });
