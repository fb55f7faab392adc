import type { Notification } from '#model/notification';
import type { Plan } from '#model/plan';
import { provideWorld } from '#runtime/function-world';
import type { ObjectStore } from '#store/object-store';

/** Gives functions a world with these channels. */
export function worldOf(store: ObjectStore, notifications: Notification[], environment: Record<string, string>): void {
  const plan: Plan = {
    bucket: store.url,
    encryption: 'none',
    sources: [],
    managed: [],
    approvers: [],
    fourEyes: false,
    approvals: { required: 1, reason: 'required' },
    failover: [],
    systems: [],
    notifications,
    concurrency: { all: 4, perServer: 1 },
    storage: { lock: { mode: 'governance', days: 14 }, tiers: {} },
  };
  provideWorld({ plan, vault: { store, keyRing: undefined }, environment, now: () => new Date() });
}

export const hook: Notification = {
  kind: 'webhook',
  url: { from: 'env', name: 'HOOK' },
  on: ['failure', 'question', 'success'],
};

export const topicArn = 'arn:aws:sns:eu-central-1:123456789012:lifeboat';

/** As AWS sends it: https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html */
export const snsEvent = (id: string, message: string, attributes: Record<string, unknown> = {}) => ({
  Records: [
    {
      EventVersion: '1.0',
      EventSubscriptionArn: `${topicArn}:21be56ed-a058-49f5-8c98-aedd2564c486`,
      EventSource: 'aws:sns',
      Sns: {
        SignatureVersion: '1',
        Timestamp: '2026-11-20T05:13:45.000Z',
        Signature: 'tcc6faL2yUC6dgZdmrwh1Y4cGa/ebXEkAi6RibDsvpi+tE/1+82j...65r==',
        SigningCertUrl:
          'https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-ac565b8b1a6c5d002d285f9598aa1d9b.pem',
        MessageId: id,
        Message: message,
        MessageAttributes: attributes,
        Type: 'Notification',
        UnsubscribeUrl: 'https://sns.eu-central-1.amazonaws.com/?Action=Unsubscribe',
        TopicArn: topicArn,
        Subject: null,
      },
    },
  ],
});

export const context = {
  awsRequestId: '4f1c1f9e-0000-4000-8000-000000000000',
  functionName: 'tell',
  functionVersion: '$LATEST',
  invokedFunctionArn: 'arn:aws:lambda:local:000000000000:function:tell',
  memoryLimitInMB: '512',
  getRemainingTimeInMillis: () => 120_000,
} as never;
