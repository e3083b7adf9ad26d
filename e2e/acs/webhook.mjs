// A webhook that keeps what it gets and answers the handshakes of Event Grid and
// of CloudEvents. By its path it is told to answer otherwise.
import { once } from "node:events";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";

export async function listen() {
  const got = [];
  const server = createServer(async (request, response) => {
    const { method, headers } = request;
    const path = request.url.split("?")[0];
    const delivery = { method, path, query: request.url.split("?")[1], headers, body: await text(request) };
    got.push(delivery);
    if (path === "/deaf") {
      response.statusCode = 500;
    } else if (method === "OPTIONS") {
      response.setHeader("WebHook-Allowed-Origin", headers["webhook-request-origin"] ?? "");
      response.setHeader("WebHook-Allowed-Rate", "120");
    } else if (headers["aeg-event-type"] === "SubscriptionValidation" && path !== "/manual") {
      response.write(JSON.stringify({ validationResponse: JSON.parse(delivery.body)[0].data.validationCode }));
    }
    response.end();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const at = `http://127.0.0.1:${server.address().port}`;

  // all is what came to a path, without the handshakes.
  const all = (path) => got.filter((d) => d.path === path && d.method === "POST" && d.headers["aeg-event-type"] !== "SubscriptionValidation");

  // handshakes is the rest.
  const handshakes = (path) => got.filter((d) => d.path === path && !all(path).includes(d));

  // until waits for something that is in what came to a path.
  async function until(path, what, find) {
    for (let tries = 0; tries < 600; tries++) {
      const found = find(all(path));
      if (found) {
        return found;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`${what} did not come to ${path}, but\n${all(path).map((d) => d.body).join("\n")}`);
  }
  return { at, all, handshakes, until, close: () => (server.closeAllConnections(), server.close()) };
}
