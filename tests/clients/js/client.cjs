// The AWS SDK for JavaScript v3 puts, reads, lists and removes objects; the first disagreement ends it.
// Its libraries come from NODE_PATH, which is why this is no ES module.
"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");
const https = require("node:https");
const { Readable } = require("node:stream");
const s3 = require("@aws-sdk/client-s3");
const { Upload } = require("@aws-sdk/lib-storage");
const { getSignedUrl } = require("@aws-sdk/s3-request-presigner");

const { ENDPOINT, REGION, ACCESS_KEY, SECRET_KEY, CA, OTHER_CA, BUCKET: Bucket, BODY, STYLE } = process.env;
const mib = 1 << 20;
const body = fs.readFileSync(BODY);
const kept = {
  "kept/small": body.subarray(0, 1000),
  "kept/empty": Buffer.alloc(0),
  "kept/big": body,
  "kept/odd ü+&%=~ (1).bin": body.subarray(0, 70_000),
};
// Keys that signing, encoding in URLs and in XML each treat in a way of their own.
const odd = [
  "odd/with space", "odd/plus+and%2Fpercent%", "odd/question?hash#amp&equals=", "odd/semi;colon:comma,at@dollar$",
  "odd/'single' \"double\" `back`", "odd/star*bang!tilde~(paren)", "odd/[brackets]{braces}|pipe^caret",
  "odd/日本語/é/🦀", "odd/e\u0301 is not é", "odd/.hidden", "odd//empty//segments", "odd/folder/",
  "odd/" + "long".repeat(100),
];
// Names under .localhost are this machine (RFC 6761, section 6.3), also where the system does not say so.
const here = (name, options, done) =>
  options.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4);
const trusting = (ca) => new https.Agent({ ca: fs.readFileSync(ca), lookup: here, keepAlive: true });

function connect(ca) {
  return new s3.S3Client({
    endpoint: ENDPOINT,
    region: REGION,
    credentials: { accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY },
    forcePathStyle: STYLE !== "virtual",
    maxAttempts: 1,
    requestHandler: { httpsAgent: trusting(ca) },
  });
}

function same(what, got, want) {
  const message = `${what}: ${got.length} bytes for ${want.length}, or others`;
  assert.ok(Buffer.compare(Buffer.from(got), Buffer.from(want)) === 0, message);
}

function request(method, url, sent) {
  return new Promise((resolve, reject) => {
    const headers = sent ? { "content-length": sent.length } : {};
    const call = https.request(url, { method, agent: trusting(CA), headers });
    call.on("error", reject);
    call.on("response", async (answer) => {
      resolve({ status: answer.statusCode, body: Buffer.concat(await answer.toArray()) });
    });
    call.end(sent);
  });
}

async function main() {
  await assert.rejects(connect(OTHER_CA).send(new s3.ListBucketsCommand({})), /certificate|signature/);
  const store = connect(CA);
  const send = (Command, input) => store.send(new Command({ Bucket, ...input }));
  const get = async (Key, options) => {
    const answer = await send(s3.GetObjectCommand, { Key, ...options });
    return answer.Body.transformToByteArray();
  };
  const list = async (Prefix) => {
    const keys = [];
    for await (const page of s3.paginateListObjectsV2({ client: store, pageSize: 4 }, { Bucket, Prefix })) {
      keys.push(...(page.Contents ?? []).map((object) => object.Key));
    }
    return keys;
  };
  const sorted = (keys) => [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

  await send(s3.CreateBucketCommand);
  await s3.waitUntilBucketExists({ client: store, maxWaitTime: 60 }, { Bucket });
  // Upload takes a stream of unknown length, and sends it in parts at once where it is more than one.
  for (const [Key, want] of Object.entries(kept)) {
    const Body = Readable.from(want.length === 0 ? [] : [want.subarray(0, 700), want.subarray(700)]);
    const params = { Bucket, Key, Body, Metadata: { colour: "blue" } };
    await new Upload({ client: store, params, partSize: 5 * mib, queueSize: 4 }).done();
    same(Key, await get(Key), want);
    const head = await send(s3.HeadObjectCommand, { Key });
    assert.deepEqual([head.ContentLength, head.Metadata], [want.length, { colour: "blue" }]);
    assert.equal(head.ETag.endsWith('-5"'), Key === "kept/big");
  }
  const Range = `bytes=${5 * mib - 5}-${5 * mib + 4}`;
  same("range", await get("kept/big", { Range }), body.subarray(5 * mib - 5, 5 * mib + 5));
  same("part", await get("kept/big", { PartNumber: 2 }), body.subarray(5 * mib, 10 * mib));

  for (const ChecksumAlgorithm of ["CRC32", "CRC32C", "SHA1", "SHA256"]) {
    await send(s3.PutObjectCommand, { Key: "checksum", Body: body.subarray(0, 9000), ChecksumAlgorithm });
    same(ChecksumAlgorithm, await get("checksum", { ChecksumMode: "ENABLED" }), body.subarray(0, 9000));
  }
  // A stream of known length goes in chunks with a trailer.
  const Body = Readable.from([body.subarray(0, 9000)]);
  await send(s3.PutObjectCommand, { Key: "checksum", Body, ContentLength: 9000 });
  same("streamed", await get("checksum"), body.subarray(0, 9000));

  await Promise.all(odd.map(async (Key) => {
    await send(s3.PutObjectCommand, { Key, Body: Key });
    same(Key, await get(Key), Buffer.from(Key));
  }));
  assert.deepEqual(await list("odd/"), sorted(odd));
  await send(s3.CopyObjectCommand, { Key: "copied", CopySource: `${Bucket}/${encodeURIComponent(odd[2])}` });
  same("copy", await get("copied"), Buffer.from(odd[2]));

  const signed = { Bucket, Key: "signed ü" };
  const url = (Command) => getSignedUrl(store, new Command(signed), { expiresIn: 60 });
  const put = await request("PUT", await url(s3.PutObjectCommand), Buffer.from("up"));
  assert.equal(put.status, 200, put.body.toString());
  const got = await request("GET", await url(s3.GetObjectCommand));
  assert.deepEqual([got.status, got.body.toString()], [200, "up"]);

  const doomed = [...odd, "copied", "checksum", "signed ü"];
  const gone = await send(s3.DeleteObjectsCommand, { Delete: { Objects: doomed.map((Key) => ({ Key })) } });
  assert.deepEqual([sorted(gone.Deleted.map((each) => each.Key)), gone.Errors ?? []], [sorted(doomed), []]);
  await assert.rejects(get("copied"), { name: "NoSuchKey" });
  await assert.rejects(send(s3.HeadObjectCommand, { Key: "copied" }), { name: "NotFound" });
  await assert.rejects(send(s3.DeleteBucketCommand), { name: "BucketNotEmpty" });
  assert.deepEqual(await list(), sorted(Object.keys(kept)));
  console.log("all agree");
}

main().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
