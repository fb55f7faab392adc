/*
 * CloudFormation's functions, as the template writes them:
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
 */
export const ref = (resource: string) => ({ Ref: resource });

export const arnOf = (resource: string) => ({ 'Fn::GetAtt': [resource, 'Arn'] });

/** `text` with `${Resource}`, `${Resource.Attribute}` and `${AWS::Region}` in it */
export const sub = (text: string) => ({ 'Fn::Sub': text });

/** `arn:…:service:region:account:rest`, of this account and region */
export const ownArn = (service: string, rest: string) =>
  sub(`arn:\${AWS::Partition}:${service}:\${AWS::Region}:\${AWS::AccountId}:${rest}`);
