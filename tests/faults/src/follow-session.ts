import { type Control, frameType, parseControl, toControlFrame } from '@gpulab/contract'
import { setTimeout as wait } from 'node:timers/promises'
import type { ApiClient } from './client.ts'

export interface FollowedSession {
  /** All output, each byte once. */
  text(): string
  /** How often it was attached to. */
  attachments(): number
  readonly exit: Promise<Extract<Control, { type: 'exit' }>>
}

/** Reads a session to its end, over whatever cuts it off, and never asks for what it has. */
export function followSession(client: ApiClient, params: { uuid: string; id: string }): FollowedSession {
  let text = ''
  let offset = 0
  let attachments = 0
  /** Undefined where the attachment was cut. */
  const attachOnce = async (): Promise<Extract<Control, { type: 'exit' }> | undefined> => {
    const channel = await client.sessions.attach(
      { params, query: { offset, acks: 'true' } },
      { timeoutMs: 5000 },
    )
    attachments++
    try {
      for await (const frame of channel.incoming) {
        if (frame.type === frameType.stdout) {
          text += Buffer.from(frame.payload).toString('latin1')
          offset += frame.payload.length
          await channel.send(toControlFrame({ type: 'ack', offset }))
          continue
        }
        const control = parseControl(frame)
        if (control.type === 'exit') return control
        if (control.type === 'gap') throw new Error(`${control.bytes} bytes are gone`)
        if (control.type === 'resumed' && control.offset !== offset)
          throw new Error(`went on at ${control.offset}, not at ${offset}`)
        if (control.type === 'error') return undefined
      }
    } finally {
      channel.destroy()
    }
    return undefined
  }
  const follow = async (): Promise<Extract<Control, { type: 'exit' }>> => {
    for (;;) {
      const exit = await attachOnce().catch((error: Error) => {
        if (/bytes are gone|went on at/.test(error.message)) throw error
        return undefined
      })
      if (exit) return exit
      await wait(100)
    }
  }
  const exit = follow()
  exit.catch(() => {})
  return { text: () => text, attachments: () => attachments, exit }
}
