// Requests to the coordinator. Every failure is an ApiError whose message can be shown as it is.

/** What the coordinator refused, or that it did not answer (status 0). */
export class ApiError extends Error {
  constructor(message, status = 0, field = null) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.field = field;
  }
}

/** `path` with those of `params` that have a value. */
export function address(path, params = {}) {
  const given = Object.entries(params).filter(([, value]) => ![null, undefined, ""].includes(value));
  const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return query ? `${path}?${query}` : path;
}

/** The JSON that a GET answers with. */
export async function get(path, params = {}, signal = undefined) {
  return (await request(address(path, params), { signal })).json();
}

/** Find out whether whoever looks is still signed in, after what does not tell why it failed: if not,
 *  this leaves the page. */
export const checkSignIn = () => get("/api/session").catch(() => {});

/** The text that a GET answers with. */
export async function text(path, signal = undefined) {
  return (await request(path, { signal })).text();
}

/** The JSON that an action answers with. */
export async function post(path, body = {}, signal = undefined) {
  return (await request(path, posting(body, signal))).json();
}

/** The objects that an action sends, one a line, as they come. */
export async function* stream(path, body = {}, signal = undefined) {
  const response = await request(path, posting(body, signal));
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines) if (line.trim()) yield JSON.parse(line);
    }
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The connection broke off before the answer was complete.");
  } finally {
    reader.releaseLock();
  }
  if (rest.trim()) throw new ApiError("The connection broke off before the answer was complete.");
}

function posting(body, signal) {
  return {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal,
  };
}

async function request(url, options) {
  let response;
  try {
    response = await fetch(url, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The coordinator does not answer.");
  }
  if (response.ok) return response;
  // Whoever was signed in is not any more: the page could only go on asking in vain.
  if (response.status === 401) location.assign("/login");
  throw await refusal(response);
}

async function refusal(response) {
  let told = null;
  try {
    told = (await response.json()).error;
  } catch {
    // Not ours: a proxy's page, say. The status has to do.
  }
  const words = told?.message ?? `The coordinator answered with status ${response.status}.`;
  return new ApiError(words, response.status, told?.field ?? null);
}
