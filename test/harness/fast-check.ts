import fc from 'fast-check';

/**
 * Properties with one seed, so that the suite says the same of the same code every time. `LIFEBOAT_TEST_SEED=N` looks
 * elsewhere: a number that fails there is a defect like any other.
 */
fc.configureGlobal({ seed: Number(process.env.LIFEBOAT_TEST_SEED ?? 20_261_120) });

export default fc;
