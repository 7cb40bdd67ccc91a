import {
  type agent,
  type Channel,
  type Client,
  type Control,
  frameType,
  parseControl,
  toControlFrame,
} from '@gpulab/contract'

type Exit = Extract<Control, { type: 'exit' }>

export interface AttachedSession {
  readonly channel: Channel
  stdout(): string
  stderr(): string
  /** All output, as it came. */
  output(): Buffer
  readonly controls: Control[]
  /** Of the next byte of output. */
  offset(): number
  write(text: string | Uint8Array): Promise<void>
  send(control: Control): Promise<void>
  /** Rejects when the stream ends without an exit. */
  readonly exit: Promise<Exit>
}

interface Options {
  readonly offset?: number
  readonly acks?: boolean
  /** Called with each run of output, before it is acknowledged. */
  readonly onOutput?: (bytes: Uint8Array) => Promise<void> | void
}

/** A client that reads all that comes. */
export async function attachSession(
  client: Client<typeof agent>,
  params: { readonly uuid: string; readonly id: string },
  { offset = 0, acks = false, onOutput }: Options = {},
): Promise<AttachedSession> {
  const query = { offset, acks: acks ? ('true' as const) : ('false' as const) }
  const channel = await client.sessions.attach({ params, query })
  const runs: { type: number; payload: Uint8Array }[] = []
  const controls: Control[] = []
  let at = offset
  const send = (control: Control): Promise<void> => channel.send(toControlFrame(control))
  const read = async (): Promise<Exit> => {
    let exit: Exit | undefined
    for await (const frame of channel.incoming) {
      if (frame.type === frameType.control) {
        const control = parseControl(frame)
        controls.push(control)
        if (control.type === 'gap') at += control.bytes
        if (control.type === 'resumed') at = control.offset
        if (control.type === 'error') throw Object.assign(new Error(control.message), { code: control.code })
        if (control.type === 'exit') {
          exit = control
          void channel.end()
        }
        continue
      }
      runs.push(frame)
      at += frame.payload.length
      await onOutput?.(frame.payload)
      if (acks) await send({ type: 'ack', offset: at })
    }
    if (!exit) throw new Error('The stream was cut.')
    return exit
  }
  const exit = read()
  exit.catch(() => {})
  const bytesOf = (...types: number[]): Buffer =>
    Buffer.concat(runs.filter(({ type }) => types.includes(type)).map(({ payload }) => payload))
  return {
    channel,
    stdout: () => bytesOf(frameType.stdout).toString(),
    stderr: () => bytesOf(frameType.stderr).toString(),
    output: () => bytesOf(frameType.stdout, frameType.stderr),
    controls,
    offset: () => at,
    write: (text) => channel.send({ type: frameType.stdin, payload: Buffer.from(text as string) }),
    send,
    exit,
  }
}
