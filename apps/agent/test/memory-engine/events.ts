import type { MemoryContainer } from './world.ts'

interface Listener {
  readonly pending: Uint8Array[]
  wake: () => void
  isOver: boolean
}

export interface EngineEvents {
  emit(action: string, container: MemoryContainer): void
  /** Every event from now on, until the signal aborts or the engine ends. */
  follow(signal?: AbortSignal): AsyncGenerator<Uint8Array>
  end(): void
}

export function createEvents(): EngineEvents {
  const listeners = new Set<Listener>()
  const end = (listener: Listener): void => {
    listener.isOver = true
    listeners.delete(listener)
    listener.wake()
  }
  return {
    emit: (Action, { id: ID, config }) => {
      const event = { Type: 'container', Action, Actor: { ID, Attributes: { ...config.Labels } } }
      for (const listener of listeners) {
        listener.pending.push(Buffer.from(`${JSON.stringify(event)}\n`))
        listener.wake()
      }
    },
    follow: (signal) => {
      const listener: Listener = { pending: [], wake: () => {}, isOver: false }
      listeners.add(listener)
      signal?.addEventListener('abort', () => end(listener), { once: true })
      return read(listener, () => end(listener))
    },
    end: () => listeners.forEach(end),
  }
}

async function* read(listener: Listener, end: () => void): AsyncGenerator<Uint8Array> {
  try {
    for (;;) {
      yield* listener.pending.splice(0)
      if (listener.isOver) return
      if (listener.pending.length === 0) await new Promise<void>((resolve) => (listener.wake = resolve))
    }
  } finally {
    end()
  }
}
