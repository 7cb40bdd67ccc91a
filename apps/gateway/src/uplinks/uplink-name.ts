/** An uplink is that of a host with a certain key, so that one of an agent that is the host no more is not used. */
export const toUplinkName = ({ uuid, key }: { readonly uuid: string; readonly key: string }): string =>
  `${uuid}:${key}`
