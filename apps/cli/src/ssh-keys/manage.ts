import { GpulabError } from '@gpulab/contract'
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { ApiContext } from '../context.ts'
import { requireAsker, requireYes } from '../output/confirm.ts'
import { formatTime } from '../output/duration.ts'
import { escapeText } from '../output/escape.ts'
import { printDone, printList } from '../output/list.ts'
import { listKeys, resolveSshKey } from './kind.ts'

export async function listSshKeys(context: ApiContext): Promise<void> {
  printList(context.output, await listKeys(context), {
    headings: ['NAME', 'TYPE', 'FINGERPRINT', 'ADDED'],
    toRow: (key) => [
      escapeText(key.name),
      escapeText(key.type),
      escapeText(key.fingerprint),
      formatTime(key.created_at),
    ],
    toId: ({ uuid }) => uuid,
    ifNone: 'No SSH keys yet. Add one: gpulab ssh-keys add --name laptop --key-file ~/.ssh/id_ed25519.pub',
  })
}

export async function addSshKey(
  context: ApiContext,
  { name, key, file }: { name: string; key: string | undefined; file: string | undefined },
): Promise<void> {
  const { api, output, signal } = context
  const text = key ?? (file === undefined ? undefined : await readKeyFile(file))
  if (text === undefined) {
    throw new GpulabError('input_required', {
      message: 'Say which key.',
      hint: 'Use --key-file ~/.ssh/id_ed25519.pub, or --key with the line itself.',
    })
  }
  // It must not even leave this machine.
  if (/PRIVATE KEY/.test(text)) {
    throw new GpulabError('ssh_key_invalid', {
      message: 'That is a private key; it was not sent.',
      hint: 'Give the public one: the .pub file beside it.',
    })
  }
  const added = await api.sshKeys.add({ body: { name, public_key: text } }, { signal })
  printDone(output, `Added ${escapeText(added.name)} (${escapeText(added.fingerprint)})`, added, added.uuid)
  output.note('  It works from the day on which your operator runs the SSH gateway; gpulab ssh needs no key.')
}

export async function removeSshKey(
  context: ApiContext,
  reference: string,
  { force }: { force: boolean },
): Promise<void> {
  const { api, output, signal } = context
  const deed = { what: 'Removing an SSH key', flag: '--force', isSure: force }
  requireAsker(context, deed)
  const { uuid, name, fingerprint } = await resolveSshKey(context, reference)
  await requireYes(context, deed, {
    question: `Remove ${escapeText(name)} (${escapeText(fingerprint)})?`,
    refused: 'Nothing was removed.',
  })
  await api.sshKeys.remove({ params: { uuid } }, { signal })
  printDone(output, `Removed ${escapeText(name)}`, { uuid, name, deleted: true }, uuid)
}

const keyFileMaxBytes = 20_000

async function readKeyFile(path: string): Promise<string> {
  const absolute = path.startsWith('~/') ? join(homedir(), path.slice(2)) : path
  try {
    return (await readFile(absolute, 'utf8')).slice(0, keyFileMaxBytes)
  } catch (cause) {
    throw new GpulabError('invalid_request', {
      message: `The file ${path} cannot be read: ${(cause as NodeJS.ErrnoException).code}.`,
      hint: 'ls ~/.ssh/*.pub shows your public keys.',
      cause,
    })
  }
}
