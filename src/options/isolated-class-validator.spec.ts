import { getMetadataStorage, IsBoolean, IsOptional, type MetadataStorage } from 'class-validator';

import { enterOwnMetadata, errorsOf, optionsOf } from './isolated-class-validator.js';

const scope = globalThis as { classValidatorMetadataStorage?: MetadataStorage | undefined };
const leave = enterOwnMetadata();
class Shape {
  @IsBoolean()
  enabled: unknown;

  @IsOptional()
  @IsBoolean()
  @IsBoolean()
  other: unknown;
}
class Further extends Shape {
  @IsBoolean()
  third: unknown;
}
leave();

it('a class has the options that it or its base class has rules for', () => {
  expect(optionsOf(Shape)).toEqual(['enabled', 'other']);
  expect(optionsOf(Further).sort()).toEqual(['enabled', 'other', 'third']);
  expect(optionsOf(class {})).toEqual([]);
});

it('an object is validated by the rules of its class alone', () => {
  expect(errorsOf(Object.assign(new Shape(), { enabled: true }))).toEqual([]);
  const errors = errorsOf(Object.assign(new Shape(), { enabled: 'x', strange: 1 }));
  expect(errors.map(({ property, constraints }) => [property, Object.keys(constraints ?? {})])).toEqual([
    ['enabled', ['isBoolean']],
  ]);
});

it("the app's own metadata storage is unchanged, and has none of our rules", () => {
  delete scope.classValidatorMetadataStorage;
  errorsOf(new Shape());
  expect('classValidatorMetadataStorage' in scope).toBe(false);
  const ofApp = getMetadataStorage();
  errorsOf(new Shape());
  expect(() => errorsOf(null as never)).toThrow();
  expect(scope.classValidatorMetadataStorage).toBe(ofApp);
  expect(ofApp.hasValidationMetaData).toBe(false);
});
