import { testFailures } from './failure-suite.ts';

testFailures('system-recovery');
