import { AwsSdkRefused } from './aws-sdk-refused.ts';

/** What Step Functions calls the names of an SDK, which are those of the SDK for Java. */
export interface SdkNames {
  /** of Step Functions → of this SDK */
  given(name: string): string;
  /** the other way round */
  told(name: string): string;
  /** what a parameter's text is to this SDK */
  value?(name: string, text: string): unknown;
  /** after the dot */
  error?(error: unknown, title: string): string;
}

/**
 * A name of RDS that begins with an acronym begins with a word there: DBInstanceIdentifier is DbInstanceIdentifier; within
 * a name it stays as it is: SourceDBInstanceIdentifier. What is modelled as a fault is an exception, where all acronyms are
 * words: DBSnapshotAlreadyExistsFault is Rds.DbSnapshotAlreadyExistsException. What is not modelled is Rds.RdsException.
 * https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
 * https://docs.aws.amazon.com/sdk-for-java/latest/reference/software/amazon/awssdk/services/rds/model/package-summary.html
 */
export const rdsNames: SdkNames = {
  given(name) {
    if (leadingAcronym.test(name))
      throw new AwsSdkRefused('States.Runtime', `The field "${name}" is not supported by Step Functions`);
    return name.replace(/^(?:Db|Iam|Ca)(?=[A-Z])/, (word) => word.toUpperCase());
  },
  told: (name) => name.replace(leadingAcronym, word),
  value: (name, text) => (/(?:^|[a-z])Time$/.test(name) ? new Date(text) : text),
  error(error) {
    if (!(error instanceof Error) || !('$metadata' in error && '$fault' in error)) return 'SdkClientException';
    // only what is modelled has a class of its own
    if (error.constructor.name === 'RDSServiceException') return 'RdsException';
    return `${error.name.replace(/(?:Fault|Exception)$/, '').replace(/[A-Z]{2,}(?=[A-Z][a-z]|$)/g, word)}Exception`;
  },
};

const leadingAcronym = /^[A-Z]{2,}(?=[A-Z][a-z])/;

const word = (acronym: string): string => acronym.charAt(0) + acronym.slice(1).toLowerCase();
