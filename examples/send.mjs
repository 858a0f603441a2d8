#!/usr/bin/env node
// A merchant's sender in Node.js, 18 or newer: a click, the player's first deposit, and its approval.
//
//   examples/send.mjs http://127.0.0.1:8080 acme-demo-token

import { setTimeout as sleep } from "node:timers/promises";

const ATTEMPTS_MAX = 10;
const [url, token] = process.argv.slice(2);

// Sends a postback until it is answered for good. A repetition is recognised, so this never counts twice.
async function postback(endpoint, parameters) {
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    let seconds = Math.min(2 ** attempt, 60);
    try {
      const answer = await fetch(url + endpoint, {
        method: "POST",
        // The token goes in a header, where no log of addresses sees it.
        headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
        body: JSON.stringify(parameters),
        signal: AbortSignal.timeout(10_000),
      });
      if (answer.status !== 429 && answer.status < 500) {
        return await settled(answer);
      }
      seconds = Number(answer.headers.get("Retry-After") ?? seconds);
    } catch (error) {
      if (error instanceof Refused) throw error;
      // Nobody knows whether it arrived: send it again.
    }
    await sleep(seconds * 1000);
  }
  throw new Error(`${endpoint} was not answered: keep the postback and send it later`);
}

// What is refused is wrong, and stays so until somebody has corrected it.
class Refused extends Error {}

async function settled(answer) {
  const document = await answer.json();
  if (!answer.ok) throw new Refused(`${document.code}: ${document.detail}`);
  if (document.duplicate) console.log("was recorded before");
  return document.conversion;
}

// The player's click. In earnest the landing page has received its id, as {click_id} in the landing URL.
const clicked = await fetch(`${url}/click?offer=acme-slots&affiliate=lotus`, { headers: { Accept: "application/json" } });
const { click_id } = await clicked.json();
// Amounts are texts: a float could lose a cent.
const deposit = { click_id, goal_alias: "ftd", amount: "100.00", currency: "EUR" };
console.log(JSON.stringify(await postback("/track/conv", deposit)));
console.log(JSON.stringify(await postback("/track/conv-change", { ...deposit, conv_status: "approved" })));
