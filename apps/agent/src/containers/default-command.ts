import type { EngineImage } from '../docker/images.ts'

/** Programs that end at once without a terminal. */
const interactive =
  /^(?:.*\/)?(?:sh|bash|dash|ash|zsh|fish|python|python[23](?:\.\d+)?|ipython3?|node|R|julia|irb|psql)$/
const harmlessFlags = /^-(?:[il]+|-login|-interactive|-no-save)$/

// It has to run in every image with a shell, and to end at once at a polite stop.
const keepAlive = ['/bin/sh', '-c', 'trap "exit 0" TERM INT; while :; do sleep 3600 & wait $!; done']

export interface Command {
  /** Undefined leaves the image's. */
  readonly entrypoint?: readonly string[]
  readonly command?: readonly string[]
  /** For the deployment log. */
  readonly note?: string
}

/**
 * What the container runs. A given command runs as it was typed, without the image's entrypoint. An image that
 * would only open a shell is kept alive instead: a GPU container is there to be entered.
 */
export function chooseCommand(
  given: readonly string[] | null,
  image: Pick<EngineImage, 'entrypoint' | 'command'>,
): Command {
  if (given) return { entrypoint: [], command: given }
  const { entrypoint, command } = image
  const whole = entrypoint.length > 0 && command.length > 0 ? command : [...entrypoint, ...command]
  if (whole.length > 0 && !isInteractive(whole)) return {}
  const note =
    whole.length === 0
      ? 'The image has no command: the container is kept running to be entered'
      : `The image's command (${whole.join(' ')}) needs a terminal: the container is kept running to be entered`
  // An entrypoint beside a command sets things up and then runs the command.
  return entrypoint.length > 0 && command.length > 0
    ? { command: keepAlive, note }
    : { entrypoint: [], command: keepAlive, note }
}

const isInteractive = ([program = '', ...flags]: readonly string[]): boolean =>
  interactive.test(program) && flags.every((flag) => harmlessFlags.test(flag))
