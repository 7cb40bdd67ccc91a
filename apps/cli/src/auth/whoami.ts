import type { Account } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { escapeText } from '../output/escape.ts'

export async function whoami({ api, output, signal }: ApiContext): Promise<void> {
  const account = await api.account.get({}, { signal })
  output.render({
    table: () => output.line(`Logged in as: ${identityOf(account)}`),
    json: account,
    quiet: [account.user.email],
  })
}

/** "user@example.com (Team: MyTeam)" */
export const identityOf = ({ user, team }: Account): string =>
  `${escapeText(user.email)} (Team: ${escapeText(team.name)})`
