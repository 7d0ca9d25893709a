// Holds an answer to what /openapi.json says of it: a described status, a described media type, and a body of the described shape: all that is required,
// nothing that is not described, each value of its type, format and bounds. lib.mjs passes every answer of the API through it.
import assert from 'node:assert/strict';

const formats = {
    uuid: /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/,
    'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, // what the contract has: UTC, to the millisecond
    date: /^\d{4}-\d\d-\d\d$/,
    uri: /^https?:\/\/\S+$/,
    'uri-reference': /^\S+$/,
};

function typeOf(value) {
    if (value === null || Array.isArray(value))
        return value === null ? 'null' : 'array';
    return Number.isInteger(value) ? 'integer' : typeof value;
}

// Every way in which `value` is not what `schema` says, as sentences that begin with its JSON pointer.
function faults(api, schema, value, at = '') {
    if (schema.$ref)
        return faults(api, api.components.schemas[schema.$ref.split('/').pop()], value, at);
    if (schema.anyOf) {
        const each = schema.anyOf.map((one) => faults(api, one, value, at));
        return each.find((found) => !found.length) ?? each.toSorted((a, b) => b.length - a.length)[0];
    }
    if (schema.allOf)
        return faults(api, joined(api, schema.allOf), value, at);
    const type = typeOf(value), types = [schema.type ?? []].flat();
    if (types.length && !types.includes(type) && !(type === 'integer' && types.includes('number')))
        return [`${at} is ${JSON.stringify(value)}, not ${types.join(' or ')}`];
    if (schema.enum && !schema.enum.includes(value))
        return [`${at} is ${JSON.stringify(value)}, not one of ${JSON.stringify(schema.enum)}`];
    if ('const' in schema && schema.const !== value)
        return [`${at} is ${JSON.stringify(value)}, not ${JSON.stringify(schema.const)}`];
    if (type === 'string' && formats[schema.format] && !formats[schema.format].test(value))
        return [`${at} is "${value}", no ${schema.format}`];
    if (type === 'integer' && (value < (schema.minimum ?? -Infinity) || value > (schema.maximum ?? Infinity)))
        return [`${at} is ${value}, out of bounds`];
    if (type === 'array')
        return schema.items ? value.flatMap((item, i) => faults(api, schema.items, item, `${at}/${i}`)) : [];
    return type === 'object' ? objectFaults(api, schema, value, at) : [];
}

function objectFaults(api, schema, value, at) {
    const known = schema.properties ?? {};
    const missing = (schema.required ?? []).filter((name) => !(name in value)).map((name) => `${at}/${name} is missing`);
    return missing.concat(Object.entries(value).flatMap(([name, member]) => {
        const own = known[name] ?? (schema.properties ? schema.additionalProperties : {});
        return own ? faults(api, own === true ? {} : own, member, `${at}/${name}`) : [`${at}/${name} is not described`];
    }));
}

// The objects that a value must be all at once, as one.
function joined(api, schemas) {
    const parts = schemas.map((one) => (one.$ref ? api.components.schemas[one.$ref.split('/').pop()] : one));
    return {
        type: 'object',
        required: parts.flatMap((part) => part.required ?? []),
        properties: Object.assign({}, ...parts.map((part) => part.properties)),
    };
}

// The path template that a path meets, the one with fewest variables first: /v1/events/{eventId}.ics before /v1/events/{eventId}.
function templateOf(api, path) {
    const count = (template) => template.split('{').length;
    return Object.keys(api.paths)
        .filter((template) => new RegExp(`^${template.replaceAll('.', '\\.').replace(/\{[^}]+\}/g, '[^/]+')}$`).test(path))
        .toSorted((a, b) => count(a) - count(b) || b.length - a.length)[0];
}

export function assertDescribed(api, method, path, answer) {
    const at = `${method} ${path} -> ${answer.status}`;
    const template = templateOf(api, path.split('?')[0]);
    const operation = api.paths[template]?.[(method === 'HEAD' ? 'GET' : method).toLowerCase()];
    if (!operation) {
        assert.ok(answer.status >= 400 || method === 'OPTIONS', `${at}: /openapi.json does not know this operation`);
        return;
    }
    if (answer.status === 304 || (answer.status >= 300 && answer.status < 400))
        return;
    const described = operation.responses[answer.status] ?? (answer.status >= 400 ? operation.responses.default : undefined);
    assert.ok(described, `${at}: no such answer is described`);
    const type = (answer.headers['content-type'] ?? '').split(';')[0];
    const known = Object.keys(described.content ?? {});
    if (answer.bytes.length || known.length)
        assert.ok(known.some((one) => one === type || (one.endsWith('/*') && type.startsWith(one.slice(0, -1)))), `${at}: a body of ${type || 'no type'}; described: ${known.join(', ') || 'none'}`);
    const schema = described.content?.[type]?.schema;
    if (schema && method !== 'HEAD')
        assert.deepEqual(faults(api, schema, JSON.parse(answer.text)), [], `${at}: not as /openapi.json describes it`);
}
