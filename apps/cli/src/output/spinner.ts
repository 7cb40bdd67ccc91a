import type { Output } from './output.ts'

export interface Progress {
  update(text: string): void
  stop(): void
}

const silent: Progress = { update: () => {}, stop: () => {} }

/** A spinner for people at a terminal; nothing for everybody else. */
export async function startProgress(output: Output, text: string): Promise<Progress> {
  if (output.mode !== 'table' || !output.isInteractive) return silent
  const { default: createSpinner } = await import('yocto-spinner')
  const spinner = createSpinner({ text, stream: process.stderr, handleSignals: false }).start()
  return {
    update: (next) => void (spinner.text = next),
    stop: () => void spinner.stop(),
  }
}
