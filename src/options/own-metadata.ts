import { MetadataStorage, validateSync, type ValidationError } from 'class-validator';

/**
 * class-validator keeps the rules of all classes of a process in one global place, where an OpenAPI generator, say, would find ours and
 * list them among the app's. So ours are kept apart: what is between `enter()` and `leave()` runs at once, and no other code sees it.
 */
const own = new MetadataStorage();
const scope = globalThis as { classValidatorMetadataStorage?: MetadataStorage | undefined };

/** From here on rules are declared, and looked up, in our own place, until the function is called that this gives back. */
export function enterOwnMetadata(): () => void {
  const { classValidatorMetadataStorage: before } = scope;
  scope.classValidatorMetadataStorage = own;
  return () => {
    if (before) scope.classValidatorMetadataStorage = before;
    else delete scope.classValidatorMetadataStorage;
  };
}

/** What is wrong with an object by the rules of its class; an option that the class does not have is wrong too. */
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
