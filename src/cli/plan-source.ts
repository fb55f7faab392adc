import type { GlobalOptions } from '#cli/command-line';
import type { Output } from '#cli/output';
import { InputInvalid } from '#model/failure';
import type { Plan } from '#model/plan';
import type { Environment } from '#runtime/environment';
import type { Stack } from '#runtime/stack';

export interface PlanSourceOptions {
  global: Pick<GlobalOptions, 'stack' | 'region'>;
  planPath: string;
  cwd: string;
  environment: Environment;
  output: Output;
}

/**
 * Where a command has its plan and its stack from. Everything is read when it is first asked for, and once.
 *
 *     --stack NAME, else the plan's aws.stack    →  the stack: its machines, and the bucket and key that it made
 *     --region, else the plan's aws.region       →  where it is looked for, and every other call to AWS goes
 *     LIFEBOAT_BUCKET, LIFEBOAT_KMS_KEY          →  what tasks of a stack have instead: nothing is asked
 */
export class PlanSource {
  /** what the command was given; once the plan or the stack was read, with what the stack adds */
  readonly environment: Environment;
  readonly #options: PlanSourceOptions;
  #written: Promise<Plan> | undefined;
  #plan: Promise<Plan> | undefined;
  #stack: Promise<Stack | undefined> | undefined;

  constructor(options: PlanSourceOptions) {
    this.#options = options;
    const { region } = options.global;
    this.environment = { ...options.environment, ...(region === undefined ? {} : { AWS_REGION: region }) };
  }

  /** @throws InputInvalid, PlanInvalid; what findStack throws, where the plan takes something from its stack */
  plan(): Promise<Plan> {
    this.#plan ??= this.#read();
    return this.#plan;
  }

  /** As it is written: its bucket and its key may be `stack`. @throws InputInvalid, PlanInvalid */
  written(): Promise<Plan> {
    // loaded when it is asked for: the schema takes longer to load than a small command to run
    this.#written ??= import('#runtime/load-plan').then(({ loadWrittenPlan }) =>
      loadWrittenPlan(this.#options.planPath, { environment: this.environment, cwd: this.#options.cwd }),
    );
    return this.#written;
  }

  /** undefined: neither the command line nor the plan names one. @throws what findStack and reading the plan throw */
  stack(): Promise<Stack | undefined> {
    this.#stack ??= this.#find();
    return this.#stack;
  }

  async #read(): Promise<Plan> {
    const written = await this.written();
    const { inStack, takesFromStack } = await import('#runtime/load-plan');
    const isKnown = this.#options.global.stack === undefined && this.#isKnown(written);
    if (takesFromStack(written) && !isKnown) await this.stack();
    return inStack(written, this.environment);
  }

  #isKnown({ encryption }: Plan): boolean {
    const { LIFEBOAT_BUCKET, LIFEBOAT_KMS_KEY } = this.environment;
    return Boolean(LIFEBOAT_BUCKET && (LIFEBOAT_KMS_KEY || typeof encryption !== 'object'));
  }

  async #find(): Promise<Stack | undefined> {
    const { global } = this.#options;
    const plan = await this.#planThatIsThere();
    const name = global.stack ?? plan?.aws?.stack;
    if (name === undefined) return undefined;
    const region = global.region ?? plan?.aws?.region;
    const { findStack, stackEnvironment } = await import('#runtime/stack');
    const stack = await findStack(name, { ...this.environment, ...(region && { AWS_REGION: region }) });
    Object.assign(this.environment, stackEnvironment(stack));
    if (plan) await this.#warnOfAnotherPlan(stack);
    return stack;
  }

  /** Whoever names a stack needs no plan, where the command does not. */
  async #planThatIsThere(): Promise<Plan | undefined> {
    try {
      return await this.written();
    } catch (failure) {
      if (failure instanceof InputInvalid && this.#options.global.stack !== undefined) return undefined;
      throw failure;
    }
  }

  async #warnOfAnotherPlan(stack: Stack): Promise<void> {
    if (stack.planDigest === undefined) return;
    const { planText } = await import('#runtime/load-plan');
    const { planDigest } = await import('#model/plan-digest');
    const { planPath, cwd, output } = this.#options;
    const { name, text } = await planText(planPath, { environment: this.environment, cwd });
    if (planDigest(text) === stack.planDigest) return;
    output.warn(
      `${name} is not the plan that ${stack.name} was deployed with: what runs there goes by the deployed one, this command by ${name}`,
    );
  }
}
