/** What encoders are told by a server that takes no sources and passes none on. */
import { type ClientConnection, closeWith } from '@legacystream/runtime/client-connection.ts';
import type { FrontDoorRoutes } from '@legacystream/runtime/front-door/front-door.ts';
import { encodeRawResponse } from '@legacystream/runtime/http/raw-response.ts';

const reason = 'this server takes no sources\r\n';

export function sourcesElsewhere(): {
  readonly handleHttp: FrontDoorRoutes['source'];
  readonly handleShoutcast: FrontDoorRoutes['shoutcast'];
} {
  return {
    handleHttp: async (_head, client: ClientConnection) => {
      closeWith(client.socket, encodeRawResponse({ status: 403, body: reason }));
      return 'taken';
    },
    handleShoutcast: async (_line, client: ClientConnection) => closeWith(client.socket, reason),
  };
}
