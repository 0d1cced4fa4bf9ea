/**
 * What the status page shows while no stream is on air: how to put one there, with a
 * command to copy and the four things that every encoder asks for. The password is
 * always a placeholder.
 */
import { type Html, html } from './html-template.ts';
import { icon } from './page-icons.ts';

/** @param ingestHost `host:port` that encoders connect to */
export function renderOffAir(ingestHost: string): Html {
  const [host, port] = splitHost(ingestHost);
  const command = [
    'ffmpeg -re -i music.mp3 -c:a libmp3lame -b:a 128k',
    '-content_type audio/mpeg -ice_name "My station" -f mp3',
    `"icecast://source:YOUR_PASSWORD@${host}:${port}/live.mp3"`,
  ].join(' \\\n  ');
  return html`<div class="off-air">
<div class="off-air-sign">${icon('signal')}</div>
<h2>Nothing is on air right now</h2>
<p class="off-air-lead">Streams appear here by themselves as soon as a source connects. Yours can be the first.</p>
<div class="off-air-ways">
<section class="way" aria-labelledby="way-command">
<h3 id="way-command">From the command line</h3>
<div class="command"><pre tabindex="0"><code>${command}</code></pre>
<button class="link needs-script" type="button" data-copy="${command}">
${icon('copy')}${icon('check')}<span>Copy</span></button></div>
</section>
<section class="way" aria-labelledby="way-encoder">
<h3 id="way-encoder">From an encoder</h3>
<p>In BUTT, Mixxx, Liquidsoap or any other, choose <b>Icecast</b> and enter</p>
<dl class="settings">
<div><dt>Server</dt><dd>${host}</dd></div>
<div><dt>Port</dt><dd>${port}</dd></div>
<div><dt>User</dt><dd>source</dd></div>
<div><dt>Password</dt><dd>your source password</dd></div>
<div><dt>Mount</dt><dd>/live.mp3</dd></div>
</dl>
</section>
</div>
</div>
`;
}

/** A host that is no plain name or address must not find its way into a command to copy. */
function splitHost(ingestHost: string): readonly [host: string, port: string] {
  const match = /^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?$/.exec(ingestHost);
  return [match?.[1] ?? 'localhost', match?.[2] ?? '8000'];
}
