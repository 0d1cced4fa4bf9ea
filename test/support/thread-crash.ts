/**
 * Crashes one worker thread of a server that runs with `--inspect`, from outside: through
 * the inspector, as a debugger would throw, so that the program needs no door for it.
 */
const answerTimeoutMs = 10_000;

type InspectorMessage = {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly sessionId?: string };
};

/** @param url `ws://127.0.0.1:port/id` as the server printed it */
export async function crashOneThread(url: string): Promise<void> {
  const socket = new WebSocket(url);
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve, { once: true });
    socket.addEventListener('error', reject, { once: true });
  });
  try {
    const attached = nextMessage(socket, ({ method }) => method === 'NodeWorker.attachedToWorker');
    socket.send(
      JSON.stringify({ id: 1, method: 'NodeWorker.enable', params: { waitForDebuggerOnStart: false } }),
    );
    const { sessionId } = (await attached).params ?? {};
    const expression = "setTimeout(() => { throw new Error('crashed from outside'); }, 0)";
    const message = JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression } });
    const sent = nextMessage(socket, ({ id }) => id === 2);
    socket.send(
      JSON.stringify({ id: 2, method: 'NodeWorker.sendMessageToWorker', params: { sessionId, message } }),
    );
    await sent;
  } finally {
    socket.close();
  }
}

function nextMessage(
  socket: WebSocket,
  fits: (message: InspectorMessage) => boolean,
): Promise<InspectorMessage> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the inspector did not answer')), answerTimeoutMs);
    socket.addEventListener('message', (event) => {
      const message = JSON.parse(String(event.data)) as InspectorMessage;
      if (!fits(message)) return;
      clearTimeout(timer);
      resolve(message);
    });
  });
}
