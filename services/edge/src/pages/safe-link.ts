/**
 * The addresses that strangers give us (`icy-url`) and that we are willing to link
 * to: absolute, http or https, without a login in them. Everything else, such as
 * `javascript:` and `data:`, gives nothing and is shown as text at most.
 */
export function safeLink(address: string | undefined): string | undefined {
  if (address === undefined || !/^https?:\/\//i.test(address)) return undefined;
  const url = URL.parse(address);
  if (url === null || url.username !== '' || url.password !== '') return undefined;
  return url.protocol === 'http:' || url.protocol === 'https:' ? url.href : undefined;
}
