import { buildCli } from './steps/cli.ts'

/** The journeys run the built CLI: of the present sources, whoever starts them. */
export async function setup(): Promise<void> {
  await buildCli()
}
