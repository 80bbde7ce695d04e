/** Sends one signed request of each form to SERVER_URL, with the credentials of the environment. */
import { AwsClient } from "aws4fetch";

import { Client, newEvent } from "../src/index.js";

const { SERVER_URL = "", ACCESS_KEY = "", SECRET_KEY = "", SESSION_TOKEN = "", REGION = "" } = process.env;
const aws = new AwsClient({
  accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY, sessionToken: SESSION_TOKEN,
  region: REGION, service: "execute-api", retries: 0, // the client has retries of its own
});
const client = new Client(SERVER_URL, { fetch: aws.fetch.bind(aws) });

await client.appendEvents("a b~ü+(1)'*", [newEvent("tea-001")], { limit: 3 });
await client.getRecommendations("me", { only: ["a,b", "c d+e", "ü~*"], exclude: ["a&b=c"] });
await client.recommend(["tea-001"]);
