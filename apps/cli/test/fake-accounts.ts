import {
  type Account,
  api,
  type ApiKey,
  GpulabError,
  type RegistryLogin,
  type SshKey,
  type Team,
  type Template,
  type User,
} from '@gpulab/contract'
import type { ServeFake } from './fake-api.ts'
import { sampleTemplates, uuidOf } from './samples.ts'

export const noQuotas = { gpus: null, containers: null, volumes: null, volume_bytes: null, sessions: null }
const time = '2026-03-01T10:00:00.000Z'

/** Users, teams and keys in memory. */
export interface FakeAccounts {
  keys: ApiKey[]
  teams: Team[]
  users: User[]
  billing: Account['billing']
  /** Bodies of what was made or changed. */
  asked: unknown[]
  sshKeys: SshKey[]
  registries: RegistryLogin[]
  templates: Template[]
}

export const createFakeAccounts = (): FakeAccounts => ({
  keys: [sampleKey('aaaa0001', 'laptop'), sampleKey('aaaa0002', 'ci')],
  teams: [
    {
      uuid: uuidOf('bbbbbbbb'),
      name: 'research',
      users: 1,
      quotas: { ...noQuotas },
      prepaid: false,
      created_at: time,
    },
  ],
  users: [sampleUser()],
  billing: {
    currency: 'USD',
    prepaid: true,
    balance: '12.50',
    month_to_date: '87.50',
    per_hour: '2.98',
    exhausted_at: null,
    stops_at: null,
  },
  asked: [],
  sshKeys: [],
  registries: [],
  templates: [...sampleTemplates],
})

const priced = {
  memory_bytes: 24 * 2 ** 30,
  available: 1,
  total: 1,
  simulated: false,
  currency: 'USD',
}

const sampleKey = (id: string, name: string): ApiKey => ({
  id,
  name,
  user: { uuid: uuidOf('aaaaaaaa'), email: 'user@example.com' },
  scopes: ['read', 'write'],
  status: 'active',
  created_at: time,
  expires_at: null,
  last_used_at: time,
})

const sampleUser = (changes: Partial<User> = {}): User => ({
  uuid: uuidOf('aaaaaaaa'),
  email: 'user@example.com',
  team: { uuid: uuidOf('bbbbbbbb'), name: 'research' },
  role: 'owner',
  administrator: false,
  disabled: false,
  created_at: time,
  ...changes,
})

export function serveAccounts(serve: ServeFake, state: FakeAccounts): void {
  const page = <T>(items: readonly T[]) => ({ items: [...items], next_cursor: null })
  const make = (body: { name: string; scopes?: string[] | undefined }) => {
    state.asked.push(body)
    const key = { ...sampleKey('cccc0001', body.name), ...(body.scopes && { scopes: body.scopes }) }
    return { ...key, key: 'gpulab_cccc0001_secret' }
  }
  const revoke = (id: string): void => {
    if (!state.keys.some((key) => key.id === id)) throw new GpulabError('api_key_not_found')
    state.keys = state.keys.filter((key) => key.id !== id)
  }
  const findTeam = (uuid: string): Team => {
    const team = state.teams.find((one) => one.uuid === uuid)
    if (!team) throw new GpulabError('team_not_found')
    return team
  }
  serve(api.apiKeys.list, async () => page(state.keys))
  serve(api.apiKeys.create, async ({ body }) => make(body))
  serve(api.apiKeys.revoke, async ({ params }) => revoke(params.id))
  serve(api.admin.keys.list, async () => page(state.keys))
  serve(api.admin.keys.create, async ({ body }) => make(body))
  serve(api.admin.keys.revoke, async ({ params }) => revoke(params.id))
  serve(api.admin.teams.list, async ({ query }) =>
    page(state.teams.filter(({ name }) => query.name === undefined || name === query.name)),
  )
  serve(api.admin.teams.get, async ({ params }) => findTeam(params.uuid))
  serve(api.admin.teams.update, async ({ params, body }) => Object.assign(findTeam(params.uuid), body))
  serve(api.admin.credits.list, async () => ({
    ...page([{ id: 1, at: time, amount: '100.00', note: 'grant' }]),
    balance: '12.50',
    currency: 'USD',
  }))
  serve(api.admin.credits.add, async ({ body }) => {
    state.asked.push(body)
    return { id: 2, at: time, amount: body.amount, note: body.note }
  })
  serve(api.admin.gpuTypes.setPrice, async ({ params, body }) => {
    state.asked.push({ ...params, ...body })
    return { ...priced, name: params.name, price_per_hour: body.price_per_hour }
  })
  const entry = {
    id: 7,
    at: time,
    team_uuid: uuidOf('bbbbbbbb'),
    user_uuid: uuidOf('aaaaaaaa'),
    email: 'user@example.com',
    key_id: 'aaaa0001',
    request_id: 'req_1',
    action: 'exec',
    object: uuidOf('cccccccc'),
    detail: { command: ['ls', '\u001b[31m'] },
    outcome: { exit_code: 2 },
  }
  serve(api.admin.audit.list, async ({ query }) => {
    state.asked.push(query)
    return page([entry])
  })
  serve(api.admin.audit.export, async () =>
    (async function* () {
      yield entry
      yield { ...entry, id: 8, outcome: null }
    })(),
  )
  const [sample] = sampleTemplates
  if (!sample) throw new Error('There is no sample')
  for (const templates of [api.templates, api.admin.templates]) {
    serve(templates.create, async ({ body }) => {
      state.asked.push(body)
      const shared = templates === api.admin.templates
      const made = { ...sample, name: body.name, uuid: uuidOf('dddddddd'), shared }
      state.templates.push(made)
      return made
    })
    serve(templates.update, async ({ body, params }) => {
      state.asked.push(body)
      return state.templates.find(({ uuid }) => uuid === params.uuid) ?? sample
    })
    serve(templates.remove, async ({ params }) => {
      state.templates = state.templates.filter(({ uuid }) => uuid !== params.uuid)
    })
  }
  serve(api.registries.list, async () => page(state.registries))
  serve(api.registries.login, async ({ body: { registry, username, password } }) => {
    state.asked.push({ registry, username, password })
    const login = { registry, username, updated_at: time }
    state.registries.push(login)
    return login
  })
  serve(api.registries.logout, async ({ params }) => {
    state.registries = state.registries.filter(({ registry }) => registry !== params.registry)
  })
  serve(api.sshKeys.list, async () => page(state.sshKeys))
  serve(api.sshKeys.add, async ({ body }) => {
    const key = {
      uuid: uuidOf('dddddddd'),
      name: body.name,
      type: 'ssh-ed25519',
      fingerprint: 'SHA256:abc',
      comment: '',
      public_key: body.public_key,
      created_at: time,
    }
    state.sshKeys.push(key)
    return key
  })
  serve(api.sshKeys.remove, async ({ params }) => {
    state.sshKeys = state.sshKeys.filter(({ uuid }) => uuid !== params.uuid)
  })
  serve(api.account.usage, async ({ query }) => {
    state.asked.push(query)
    return {
      from: '2026-03-01T00:00:00.000Z',
      to: '2026-03-02T12:00:00.000Z',
      currency: 'USD',
      total: '8.94',
      items: [{ key: query.by, name: 'train', gpu_seconds: 21_600, charge: '8.94' }],
    }
  })
  serve(api.admin.teams.setQuotas, async ({ params, body }) => {
    const team = findTeam(params.uuid)
    Object.assign(team.quotas, body)
    return team
  })
  serve(api.admin.users.list, async ({ query }) =>
    page(state.users.filter(({ email }) => query.email === undefined || email === query.email)),
  )
  serve(api.admin.users.create, async ({ body }) => {
    state.asked.push(body)
    return sampleUser({ email: body.email, role: body.role })
  })
  serve(api.admin.users.update, async ({ body }) => {
    state.asked.push(body)
    return sampleUser({ disabled: body.disabled ?? false })
  })
}
