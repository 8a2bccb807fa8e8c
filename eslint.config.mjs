import js from '@eslint/js';
import prettier from 'eslint-config-prettier';
import tseslint from 'typescript-eslint';

const NODE_GLOBALS = [
  ...[
    'process',
    'console',
    'performance',
    'fetch',
    'Buffer',
    'URL',
    'AbortController',
    'AbortSignal',
    'Headers',
    'Reflect',
    'global',
  ],
  ...['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'queueMicrotask'],
];

export default tseslint.config(
  {
    ignores: [
      'dist',
      'dist-demo',
      'coverage',
      'node_modules',
      'bench/node_modules',
      'compat/nest-new',
      'scripts/docs-prelude.d.ts',
    ],
  },
  js.configs.recommended,
  ...tseslint.configs.recommendedTypeChecked,
  prettier,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': [
        'error',
        { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false },
      ],
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'off',
    },
  },
  {
    // A test states what it expects of any answer.
    files: ['test/**', 'src/**/*.spec.ts', 'demo/**'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/explicit-module-boundary-types': 'off',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    // Scripts are plain JavaScript, which the compiler does not check: names that do not exist are found here.
    files: ['**/*.mjs', '**/*.js'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { globals: Object.fromEntries(NODE_GLOBALS.map((name) => [name, 'readonly'])) },
    rules: { 'no-undef': 'error', '@typescript-eslint/explicit-module-boundary-types': 'off' },
  },
  {
    // Tools that load them expect CommonJS.
    files: ['**/*.js'],
    languageOptions: { sourceType: 'commonjs' },
    rules: { '@typescript-eslint/no-require-imports': 'off' },
  },
  {
    // The log channel's own lines are alerts: one that throws is sent again.
    files: ['src/**'],
    ignores: ['src/**/*.spec.ts', 'src/channels/log.channel.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector: 'NewExpression[callee.name="Logger"]',
          message: "The app's logger may throw, into a request or a timer: use OwnLogger.",
        },
      ],
    },
  },
  {
    // Real time is no judge: a busy machine takes any time. Only that something takes long enough may be measured.
    files: ['test/**', 'src/**/*.spec.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector:
            'CallExpression[callee.property.name=/^toBeLessThan/] > MemberExpression > CallExpression[callee.name="expect"] > BinaryExpression[operator="-"] > CallExpression[callee.property.name="now"]',
          message: 'A busy machine breaks this: use endsWithin, an order, a count or an injected clock.',
        },
      ],
    },
  },
);
