import { MetadataStorage, validateSync, type ValidationError } from 'class-validator';

/**
 * class-validator keeps the rules of all classes in one global storage. An OpenAPI generator, for example, would list ours among the app's.
 * So our rules have their own storage, which is the global one only during synchronous code between `enter()` and `leave()`.
 */
const own = new MetadataStorage();
const scope = globalThis as { classValidatorMetadataStorage?: MetadataStorage | undefined };

/** Rules are declared and looked up in our own storage until the returned function is called. */
export function enterOwnMetadata(): () => void {
  const { classValidatorMetadataStorage: before } = scope;
  scope.classValidatorMetadataStorage = own;
  return () => {
    if (before) scope.classValidatorMetadataStorage = before;
    else delete scope.classValidatorMetadataStorage;
  };
}

/** Validates an object by the rules of its class; unknown options are errors. */
export function errorsOf(object: object): ValidationError[] {
  const leave = enterOwnMetadata();
  try {
    return validateSync(object, { whitelist: true, forbidNonWhitelisted: true });
  } finally {
    leave();
  }
}

/** The options that a class has rules for. */
export function optionsOf(shape: new () => object): Set<string> {
  return new Set(own.getTargetValidationMetadatas(shape, '', true, false).map(({ propertyName }) => propertyName));
}
