import { testFailures } from './failure-suite.ts';

testFailures('failover');
