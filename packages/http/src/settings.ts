import { GpulabError } from '@gpulab/contract'
import { readFileSync } from 'node:fs'
import { z } from 'zod'

/** A setting that names a file: its content. */
export const File = z.string().transform((path, context) => {
  try {
    return readFileSync(path)
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message })
    return z.NEVER
  }
})

export const SecretFile = File.transform((content) => content.toString('utf8').trim()).refine(
  (text) => text.length >= 16,
  { error: 'holds fewer than 16 characters' },
)

/** Files with which a program serves TLS itself. */
export const tlsSettings = {
  GPULAB_TLS_CERT: File.optional().describe('PEM certificate chain; with GPULAB_TLS_KEY, to serve TLS.'),
  GPULAB_TLS_KEY: File.optional().describe('PEM key.'),
}

/** Where a program tells how it is. */
export const monitorSettings = {
  GPULAB_MONITOR_LISTEN: z
    .string()
    .optional()
    .describe('Where to serve /metrics, /healthz and /readyz: host:port or unix:/path. Nowhere unless set.'),
}

/** How a program that serves users leaves. */
export const drainSettings = {
  GPULAB_DRAIN_DELAY: z.coerce
    .number()
    .min(0)
    .max(600)
    .default(5)
    .describe('Seconds between /readyz saying no and the end of listening; 0 where nobody asks /readyz (5).'),
  GPULAB_DRAIN_TIMEOUT: z.coerce
    .number()
    .min(0)
    .max(3600)
    .default(30)
    .describe('Seconds after that for open requests to finish (30).'),
}

/** Reads the environment, with all that is wrong with it in one error `config_invalid`. No value is printed. */
export function readSettings<S extends z.ZodObject<typeof tlsSettings>>(
  schema: S,
  environment: NodeJS.ProcessEnv,
  hint: string,
): z.output<S> {
  const parsed = schema.safeParse(environment, {
    error: ({ input }) => (input === undefined ? 'is missing' : undefined),
  })
  if (!parsed.success) {
    const issues = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
    throw new GpulabError('config_invalid', {
      message: `The settings are not complete:\n  ${issues.join('\n  ')}`,
      hint,
    })
  }
  const { GPULAB_TLS_CERT: cert, GPULAB_TLS_KEY: key } = parsed.data as z.output<
    z.ZodObject<typeof tlsSettings>
  >
  if ((cert === undefined) !== (key === undefined)) {
    throw new GpulabError('config_invalid', { message: 'GPULAB_TLS_CERT and GPULAB_TLS_KEY go together.' })
  }
  return parsed.data
}
