/** What a player is built of: elements, icons, and the volume that the listener chose last. */

const volumeKey = 'legacystream-volume';

const shapes = {
  play: 'M8.2 5.1c0-1 1.1-1.6 2-1.1l10 6.9c.8.5.8 1.7 0 2.2l-10 6.9c-.9.5-2-.1-2-1.1z',
  pause:
    'M7 4h2.6c.7 0 1.2.5 1.2 1.2v13.600c0 .7-.5 1.2-1.2 1.2H7c-.7 0-1.2-.5-1.2-1.200V5.200C5.8 4.5 6.3 4 7 4zm7.4 0H17c.7 0 1.2.5 1.2 1.200v13.600c0 .7-.5 1.2-1.2 1.200h-2.600c-.7 0-1.2-.5-1.2-1.200V5.200c0-.7.5-1.2 1.2-1.200z',
  sound:
    'M11.5 4.6 7.2 8.200H4.500c-.8 0-1.5.7-1.5 1.500v4.600c0 .8.7 1.5 1.5 1.500h2.700l4.3 3.600c.6.5 1.5.1 1.5-.7V5.300c0-.8-.9-1.2-1.5-.7zM16 8.400a5 5 0 0 1 0 7.200l1.3 1.400a6.9 6.9 0 0 0 0-10zm2.6-2.700a8.7 8.7 0 0 1 0 12.600l1.3 1.400a10.6 10.6 0 0 0 0-15.400z',
  muted:
    'M11.5 4.6 7.2 8.200H4.500c-.8 0-1.5.7-1.5 1.500v4.600c0 .8.7 1.5 1.5 1.500h2.700l4.3 3.600c.6.5 1.5.1 1.5-.7V5.300c0-.8-.9-1.2-1.5-.7zm4.6 4.5-1.3 1.3 1.7 1.6-1.7 1.6 1.3 1.3 1.7-1.6 1.6 1.6 1.3-1.3-1.6-1.6 1.6-1.6-1.3-1.3-1.6 1.600z',
};

export function make(tag, attributes) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

export function iconOf(shape) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('class', `player-icon player-icon-${shape}`);
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  path.setAttribute('d', shapes[shape]);
  svg.append(path);
  return svg;
}

/** Storage may be switched off, which costs no more than the memory of the volume. */
export function rememberedVolume() {
  try {
    const percent = Number.parseInt(localStorage.getItem(volumeKey) ?? '', 10);
    return percent >= 0 && percent <= 100 ? percent / 100 : 0.8;
  } catch {
    return 0.8;
  }
}

export function rememberVolume(percent) {
  try {
    localStorage.setItem(volumeKey, percent);
  } catch {
    // See rememberedVolume.
  }
}
