import { MetadataStorage, validateSync, type ValidationError } from 'class-validator';

/**
 * class-validator keeps the rules of all classes in one global storage, so that an OpenAPI generator, for example, would list ours as the
 * app's. Our rules have their own storage, which is made global only for synchronous code, until the function returned by
 * {@link enterOwnMetadata} is called.
 */
const own = new MetadataStorage();
const scope = globalThis as { classValidatorMetadataStorage?: MetadataStorage | undefined };

/** Declares and looks up rules in our own storage until the returned function is called. */
export function enterOwnMetadata(): () => void {
  const { classValidatorMetadataStorage: before } = scope;
  scope.classValidatorMetadataStorage = own;
  return () => {
    if (before) scope.classValidatorMetadataStorage = before;
    else delete scope.classValidatorMetadataStorage;
  };
}

/** Validates an object by the rules of its class. */
export function errorsOf(object: object): ValidationError[] {
  const leave = enterOwnMetadata();
  try {
    return validateSync(object);
  } finally {
    leave();
  }
}

/** Names of the options that a class has rules for. */
export function optionsOf(shape: new () => object): string[] {
  const rules = own.getTargetValidationMetadatas(shape, '', true, false);
  return [...new Set(rules.map(({ propertyName }) => propertyName))];
}
