import { z } from 'zod'
import { empty, endpoint, json } from '../endpoint.ts'
import { Name, PageQuery, pageOf, text, Timestamp, Uuid } from '../fields.ts'

export const SshKey = z
  .object({
    uuid: Uuid,
    name: z.string(),
    type: z.string().describe('As OpenSSH names it: `ssh-ed25519`, `ssh-rsa` or `ecdsa-sha2-nistp…`.'),
    fingerprint: z.string().describe('`SHA256:…`, as ssh-keygen -l prints it.'),
    comment: z.string(),
    public_key: z.string().describe('Type and key, without the comment.'),
    created_at: Timestamp,
  })
  .meta({ id: 'SshKey' })
export type SshKey = z.infer<typeof SshKey>

const path = '/v1/ssh-keys'

export const sshKeys = {
  list: endpoint({
    method: 'GET',
    path,
    summary: "List one's own SSH keys by name",
    scope: 'read',
    query: PageQuery,
    result: json(pageOf(SshKey)),
    errors: [],
  }),
  add: endpoint({
    method: 'POST',
    path,
    summary: 'Add an SSH key, which lets its owner into the containers of the team',
    // Whoever has it in may run commands.
    scope: 'exec',
    idempotency: 'replay',
    body: z.object({
      name: Name,
      public_key: text(20_000).describe('A line as in `id_ed25519.pub`.'),
    }),
    result: json(SshKey, 201),
    errors: ['ssh_key_invalid', 'ssh_key_exists'],
  }),
  remove: endpoint({
    method: 'DELETE',
    path: `${path}/:uuid`,
    summary: "Remove an SSH key of one's own",
    scope: 'write',
    role: 'viewer',
    params: z.object({ uuid: Uuid }),
    result: empty(),
    errors: ['ssh_key_not_found'],
  }),
}
