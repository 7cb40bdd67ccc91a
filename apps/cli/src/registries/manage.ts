import { GpulabError } from '@gpulab/contract'
import { askSecret, readStdin } from '../auth/read-secret.ts'
import type { ApiContext } from '../context.ts'
import { formatTime } from '../output/duration.ts'
import { escapeText } from '../output/escape.ts'
import { printDone, printList } from '../output/list.ts'
import { listAll } from '../pages.ts'

export async function listRegistries({ api, output, signal }: ApiContext): Promise<void> {
  const logins = await listAll((query) => api.registries.list({ query }, { signal }))
  printList(output, logins, {
    headings: ['REGISTRY', 'USERNAME', 'CHANGED'],
    toRow: ({ registry, username, updated_at }) => [
      escapeText(registry),
      escapeText(username),
      formatTime(updated_at),
    ],
    toId: ({ registry }) => registry,
    ifNone: 'No logins yet. For private images: gpulab registries login ghcr.io --username NAME',
  })
}

export async function logInToRegistry(
  { api, output, signal }: ApiContext,
  { registry, username, fromStdin }: { registry: string; username: string; fromStdin: boolean },
): Promise<void> {
  const secret = { noun: 'password', hint: 'Give a password, or better a token that may only read images.' }
  if (!fromStdin && !output.isInteractive) {
    throw new GpulabError('input_required', {
      message: 'A password is needed, and there is no terminal to ask on.',
      hint: 'Give it with --password-stdin.',
    })
  }
  const password = fromStdin
    ? await readStdin(secret)
    : await askSecret(`Password of ${escapeText(username)} at ${escapeText(registry)}: `, secret, signal)
  const login = await api.registries.login({ body: { registry, username, password } }, { signal })
  printDone(output, `Logged in to ${escapeText(login.registry)}`, login, login.registry)
  output.note('  Whether the registry takes it shows when the next image is pulled.')
}

export async function logOutOfRegistry({ api, output, signal }: ApiContext, registry: string): Promise<void> {
  await api.registries.logout({ params: { registry } }, { signal })
  printDone(output, `Logged out of ${escapeText(registry)}`, { registry, deleted: true }, registry)
}
