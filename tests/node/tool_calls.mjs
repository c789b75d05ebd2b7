// What the programs beside this one do alike, however they get their tokens: call tools as they are told. Each
// line of the standard input is a tool and its arguments as JSON; each answer is a line of JSON.

import { createInterface } from "node:readline";

/**
 * @param client the SDK's client
 * @param newTransport makes a transport to connect with; once more after a sign-in
 * @param provider where the tokens are
 * @param signIn where people sign in: `isNeeded(error)` tells whether that is what an attempt failed for, and
 *   `finish(transport)` waits until the person is back
 */
export async function callTools({ client, newTransport, provider, signIn }) {
  let transport;

  // The SDK sends the person to the browser and gives up; what it was about is to be tried again then.
  const attempt = async (what) => {
    for (;;) {
      try {
        return await what();
      } catch (error) {
        if (!signIn?.isNeeded(error)) throw error;
        await signIn.finish(transport);
      }
    }
  };
  const tell = async (answer) => {
    const tools = (await attempt(() => client.listTools())).tools.map((tool) => tool.name).sort();
    console.log(JSON.stringify({ ...answer, tools, scope: provider.tokens().scope }));
  };

  await attempt(() => client.connect((transport = newTransport())));
  await tell({ version: transport.protocolVersion });
  for await (const line of createInterface({ input: process.stdin })) {
    const [name, ...rest] = line.split(" ");
    try {
      const result = await attempt(() => client.callTool({ name, arguments: JSON.parse(rest.join(" ")) }));
      await tell({ is_error: result.isError ?? false, result: result.structuredContent });
    } catch (error) {
      await tell({ is_error: true, result: error.message });
    }
  }
  await client.close();
}
