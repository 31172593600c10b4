// Command tests puts, reads, lists and removes objects with minio-go, and ends at the first disagreement.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/tags"

	"strongroom.invalid/tests/check"
)

func code(err error) string { return minio.ToErrorResponse(err).Code }

func main() {
	log.SetFlags(log.Lshortfile)
	ctx := context.Background()
	lookup := minio.BucketLookupPath
	if os.Getenv("LOOKUP") == "dns" {
		lookup = minio.BucketLookupDNS
	}
	way := check.Transport(os.Getenv("CA"))
	store := check.Must(minio.New(os.Getenv("ENDPOINT"), &minio.Options{
		Creds:           credentials.NewStaticV4(os.Getenv("ACCESS_KEY"), os.Getenv("SECRET_KEY"), ""),
		Secure:          true,
		Transport:       way,
		BucketLookup:    lookup,
		TrailingHeaders: true,
	}))
	bucket := os.Getenv("BUCKET")

	check.Agree("exists before", check.Must(store.BucketExists(ctx, bucket)), false)
	check.Check(store.MakeBucket(ctx, bucket, minio.MakeBucketOptions{Region: "us-east-1"}))
	check.Agree("exists", check.Must(store.BucketExists(ctx, bucket)), true)
	check.Agree("location", check.Must(store.GetBucketLocation(ctx, bucket)), "us-east-1")

	put := func(key string, body []byte, options minio.PutObjectOptions) minio.UploadInfo {
		return check.Must(store.PutObject(ctx, bucket, key, bytes.NewReader(body), int64(len(body)), options))
	}
	get := func(key string, options minio.GetObjectOptions) []byte {
		object := check.Must(store.GetObject(ctx, bucket, key, options))
		defer object.Close()
		return check.Must(io.ReadAll(object))
	}

	big := make([]byte, 12<<20+7)
	check.Must(rand.Read(big))
	bodies := map[string][]byte{"empty": {}, "small": []byte("hello"), "dir/ü +&%": big[:70_000], "big": big}
	for key, body := range bodies {
		options := minio.PutObjectOptions{
			ContentType:  "text/x-test",
			UserMetadata: map[string]string{"Colour": "blue"},
			UserTags:     map[string]string{"team": "a b"},
			PartSize:     5 << 20,
		}
		put(key, body, options)
		check.Agree("bytes of "+key, bytes.Equal(get(key, minio.GetObjectOptions{}), body), true)
		info := check.Must(store.StatObject(ctx, bucket, key, minio.StatObjectOptions{}))
		check.Agree("size", info.Size, len(body))
		check.Agree("type", info.ContentType, "text/x-test")
		check.Agree("metadata", info.UserMetadata["Colour"], "blue")
		check.Agree("tags", check.Must(store.GetObjectTagging(ctx, bucket, key, minio.GetObjectTaggingOptions{})).ToMap()["team"], "a b")
	}
	check.Agree("parts", strings.HasSuffix(check.Must(store.StatObject(ctx, bucket, "big", minio.StatObjectOptions{})).ETag, "-3"), true)

	ranged := minio.GetObjectOptions{}
	check.Check(ranged.SetRange(5<<20-5, 5<<20+4))
	check.Agree("range", bytes.Equal(get("big", ranged), big[5<<20-5:5<<20+5]), true)
	for _, checksum := range []minio.ChecksumType{minio.ChecksumCRC32, minio.ChecksumCRC32C, minio.ChecksumSHA1, minio.ChecksumSHA256, minio.ChecksumCRC64NVME} {
		put("checksum", big[:9000], minio.PutObjectOptions{Checksum: checksum})
		check.Agree("bytes", bytes.Equal(get("checksum", minio.GetObjectOptions{}), big[:9000]), true)
	}
	put("streamed", big[:9000], minio.PutObjectOptions{DisableContentSha256: true})
	unknown := check.Must(store.PutObject(ctx, bucket, "unknown size", bytes.NewReader(big), -1, minio.PutObjectOptions{PartSize: 5 << 20}))
	check.Agree("size", unknown.Size, len(big))

	listed := 0
	for number := range 50 {
		put(fmt.Sprintf("many/%03d", number), nil, minio.PutObjectOptions{})
	}
	for _, first := range []bool{false, true} {
		listed = 0
		for object := range store.ListObjects(ctx, bucket, minio.ListObjectsOptions{Prefix: "many/", Recursive: true, MaxKeys: 7, UseV1: first}) {
			check.Check(object.Err)
			check.Agree("order", object.Key, fmt.Sprintf("many/%03d", listed))
			listed++
		}
		check.Agree("listed", listed, 50)
	}
	folders := 0
	for object := range store.ListObjects(ctx, bucket, minio.ListObjectsOptions{}) {
		check.Check(object.Err)
		if strings.HasSuffix(object.Key, "/") {
			folders++
		}
	}
	check.Agree("folders", folders, 2)

	check.Must(store.CopyObject(ctx, minio.CopyDestOptions{Bucket: bucket, Object: "copied"}, minio.CopySrcOptions{Bucket: bucket, Object: "dir/ü +&%"}))
	check.Agree("copy", bytes.Equal(get("copied", minio.GetObjectOptions{}), big[:70_000]), true)
	check.Must(store.ComposeObject(ctx, minio.CopyDestOptions{Bucket: bucket, Object: "composed"},
		minio.CopySrcOptions{Bucket: bucket, Object: "big"}, minio.CopySrcOptions{Bucket: bucket, Object: "small"}))
	check.Agree("composed", bytes.Equal(get("composed", minio.GetObjectOptions{}), append(append([]byte{}, big...), "hello"...)), true)

	check.Check(store.PutObjectTagging(ctx, bucket, "small", check.Must(tags.NewTags(map[string]string{"x": "y"}, true)), minio.PutObjectTaggingOptions{}))
	check.Check(store.RemoveObjectTagging(ctx, bucket, "small", minio.RemoveObjectTaggingOptions{}))

	core := minio.Core{Client: store}
	upload := check.Must(core.NewMultipartUpload(ctx, bucket, "abandoned", minio.PutObjectOptions{}))
	check.Must(core.PutObjectPart(ctx, bucket, "abandoned", upload, 1, strings.NewReader("part"), 4, minio.PutObjectPartOptions{}))
	check.Agree("parts", len(check.Must(core.ListObjectParts(ctx, bucket, "abandoned", upload, 0, 10)).ObjectParts), 1)
	check.Agree("uploads", len(check.Must(core.ListMultipartUploads(ctx, bucket, "", "", "", "", 10)).Uploads), 1)
	check.Check(store.RemoveIncompleteUpload(ctx, bucket, "abandoned"))

	client := http.Client{Transport: way}
	sent := check.Must(client.Do(check.Must(http.NewRequest("PUT", check.Must(store.PresignedPutObject(ctx, bucket, "signed", time.Minute)).String(), strings.NewReader("up")))))
	check.Agree("presigned put", sent.StatusCode, 200)
	answer := check.Must(client.Get(check.Must(store.PresignedGetObject(ctx, bucket, "signed", time.Minute, url.Values{"response-content-type": {"text/x-y"}})).String()))
	check.Agree("presigned get", string(check.Must(io.ReadAll(answer.Body))), "up")
	check.Agree("override", answer.Header.Get("Content-Type"), "text/x-y")

	check.Check(store.EnableVersioning(ctx, bucket))
	first := put("versions", []byte("1"), minio.PutObjectOptions{}).VersionID
	put("versions", []byte("2"), minio.PutObjectOptions{})
	check.Agree("version", string(get("versions", minio.GetObjectOptions{VersionID: first})), "1")
	check.Check(store.RemoveObject(ctx, bucket, "versions", minio.RemoveObjectOptions{}))
	_, err := store.StatObject(ctx, bucket, "versions", minio.StatObjectOptions{})
	check.Agree("deleted", code(err), "NoSuchKey")

	_, err = store.StatObject(ctx, bucket, "none", minio.StatObjectOptions{})
	check.Agree("missing", code(err), "NoSuchKey")
	check.Agree("not empty", code(store.RemoveBucket(ctx, bucket)), "BucketNotEmpty")
	for result := range store.RemoveObjects(ctx, bucket, store.ListObjects(ctx, bucket, minio.ListObjectsOptions{Recursive: true, WithVersions: true}), minio.RemoveObjectsOptions{}) {
		check.Check(result.Err)
	}
	check.Check(store.RemoveBucket(ctx, bucket))
	check.Agree("exists after", check.Must(store.BucketExists(ctx, bucket)), false)
	fmt.Println("all agree")
}
