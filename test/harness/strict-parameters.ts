import { AwsRefusal } from './strict-aws-signature.ts';
import { jsonProtocol, type ServiceCall, type StrictService, startStrictService } from './strict-service.ts';

export interface Parameter {
  Value: string;
  Type: 'String' | 'StringList' | 'SecureString';
  DataType: string;
  Version: number;
}

export interface StrictParameters extends StrictService {
  /** `eu-west-1 /shop/db-host` */
  parameters: Map<string, Parameter>;
}

/** Parameter Store. https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html */
export async function startStrictParameters(): Promise<StrictParameters> {
  const parameters = new Map<string, Parameter>();
  const protocol = jsonProtocol('ssm', 'AWS_ENDPOINT_URL_SSM', 'AmazonSSM');
  return Object.assign(await startStrictService(protocol, (call) => answer(call, parameters)), { parameters });
}

function answer({ operation, given, region }: ServiceCall, parameters: StrictParameters['parameters']): unknown {
  const {
    Name,
    Value,
    Type,
    Overwrite,
    DataType = 'text',
  } = given as Record<string, string> & { Type: Parameter['Type'] };
  const key = `${region} ${Name}`;
  const known = parameters.get(key);
  const ARN = `arn:aws:ssm:${region}:111122223333:parameter/${Name!.replace(/^\//, '')}`;
  switch (operation) {
    case 'GetParameter': {
      if (!known) throw new AwsRefusal(400, 'ParameterNotFound', '');
      // of a secret only its cipher text, unless it is asked for
      const shown = known.Type === 'SecureString' ? 'AQICAHh-cipher' : known.Value;
      return { Parameter: { ...known, Name, ARN, Value: shown, LastModifiedDate: 1_763_000_000.123 } };
    }
    case 'PutParameter':
      if (known && !Overwrite) throw new AwsRefusal(400, 'ParameterAlreadyExists', 'The parameter already exists.');
      if (known && Type && known.Type !== Type) throw new AwsRefusal(400, 'HierarchyTypeMismatchException', 'type');
      if (!known && !Type) throw new AwsRefusal(400, 'ValidationException', 'A parameter type is required');
      if (!Value) throw new AwsRefusal(400, 'ValidationException', 'value');
      parameters.set(key, { Value, Type: Type ?? known!.Type, DataType, Version: (known?.Version ?? 0) + 1 });
      return { Version: parameters.get(key)!.Version, Tier: 'Standard' };
    case 'DeleteParameter':
      if (!parameters.delete(key)) throw new AwsRefusal(400, 'ParameterNotFound', '');
      return {};
    default:
      throw new AwsRefusal(400, 'UnknownOperationException', operation);
  }
}
