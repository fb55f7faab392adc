import { testFailures } from './failure-suite.ts';

testFailures('rds-restore');
