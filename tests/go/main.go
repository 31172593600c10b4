// Command tests puts, reads, lists and removes objects with minio-go, and ends at the first disagreement.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/tags"
)

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		log.Output(3, err.Error())
		os.Exit(1)
	}
}

func agree(what string, got, want any) {
	if fmt.Sprint(got) != fmt.Sprint(want) {
		log.Output(2, fmt.Sprintf("%s: got %v, want %v", what, got, want))
		os.Exit(1)
	}
}

func code(err error) string { return minio.ToErrorResponse(err).Code }

func transport() *http.Transport {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(must(os.ReadFile(os.Getenv("CA")))) {
		log.Fatal("no certificate in CA")
	}
	dialer := net.Dialer{Timeout: 10 * time.Second}
	return &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool},
		// Names under .localhost are this machine (RFC 6761, section 6.3), also where the system does not say so.
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			return dialer.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", port))
		},
	}
}

func main() {
	log.SetFlags(log.Lshortfile)
	ctx := context.Background()
	lookup := minio.BucketLookupPath
	if os.Getenv("LOOKUP") == "dns" {
		lookup = minio.BucketLookupDNS
	}
	way := transport()
	store := must(minio.New(os.Getenv("ENDPOINT"), &minio.Options{
		Creds:           credentials.NewStaticV4(os.Getenv("ACCESS_KEY"), os.Getenv("SECRET_KEY"), ""),
		Secure:          true,
		Transport:       way,
		BucketLookup:    lookup,
		TrailingHeaders: true,
	}))
	bucket := os.Getenv("BUCKET")

	agree("exists before", must(store.BucketExists(ctx, bucket)), false)
	check(store.MakeBucket(ctx, bucket, minio.MakeBucketOptions{Region: "us-east-1"}))
	agree("exists", must(store.BucketExists(ctx, bucket)), true)
	agree("location", must(store.GetBucketLocation(ctx, bucket)), "us-east-1")

	put := func(key string, body []byte, options minio.PutObjectOptions) minio.UploadInfo {
		return must(store.PutObject(ctx, bucket, key, bytes.NewReader(body), int64(len(body)), options))
	}
	get := func(key string, options minio.GetObjectOptions) []byte {
		object := must(store.GetObject(ctx, bucket, key, options))
		defer object.Close()
		return must(io.ReadAll(object))
	}

	big := make([]byte, 12<<20+7)
	must(rand.Read(big))
	bodies := map[string][]byte{"empty": {}, "small": []byte("hello"), "dir/ü +&%": big[:70_000], "big": big}
	for key, body := range bodies {
		options := minio.PutObjectOptions{
			ContentType:  "text/x-test",
			UserMetadata: map[string]string{"Colour": "blue"},
			UserTags:     map[string]string{"team": "a b"},
			PartSize:     5 << 20,
		}
		put(key, body, options)
		agree("bytes of "+key, bytes.Equal(get(key, minio.GetObjectOptions{}), body), true)
		info := must(store.StatObject(ctx, bucket, key, minio.StatObjectOptions{}))
		agree("size", info.Size, len(body))
		agree("type", info.ContentType, "text/x-test")
		agree("metadata", info.UserMetadata["Colour"], "blue")
		agree("tags", must(store.GetObjectTagging(ctx, bucket, key, minio.GetObjectTaggingOptions{})).ToMap()["team"], "a b")
	}
	agree("parts", strings.HasSuffix(must(store.StatObject(ctx, bucket, "big", minio.StatObjectOptions{})).ETag, "-3"), true)

	ranged := minio.GetObjectOptions{}
	check(ranged.SetRange(5<<20-5, 5<<20+4))
	agree("range", bytes.Equal(get("big", ranged), big[5<<20-5:5<<20+5]), true)
	for _, checksum := range []minio.ChecksumType{minio.ChecksumCRC32, minio.ChecksumCRC32C, minio.ChecksumSHA1, minio.ChecksumSHA256, minio.ChecksumCRC64NVME} {
		put("checksum", big[:9000], minio.PutObjectOptions{Checksum: checksum})
		agree("bytes", bytes.Equal(get("checksum", minio.GetObjectOptions{}), big[:9000]), true)
	}
	put("streamed", big[:9000], minio.PutObjectOptions{DisableContentSha256: true})
	unknown := must(store.PutObject(ctx, bucket, "unknown size", bytes.NewReader(big), -1, minio.PutObjectOptions{PartSize: 5 << 20}))
	agree("size", unknown.Size, len(big))

	listed := 0
	for number := range 50 {
		put(fmt.Sprintf("many/%03d", number), nil, minio.PutObjectOptions{})
	}
	for _, first := range []bool{false, true} {
		listed = 0
		for object := range store.ListObjects(ctx, bucket, minio.ListObjectsOptions{Prefix: "many/", Recursive: true, MaxKeys: 7, UseV1: first}) {
			check(object.Err)
			agree("order", object.Key, fmt.Sprintf("many/%03d", listed))
			listed++
		}
		agree("listed", listed, 50)
	}
	folders := 0
	for object := range store.ListObjects(ctx, bucket, minio.ListObjectsOptions{}) {
		check(object.Err)
		if strings.HasSuffix(object.Key, "/") {
			folders++
		}
	}
	agree("folders", folders, 2)

	must(store.CopyObject(ctx, minio.CopyDestOptions{Bucket: bucket, Object: "copied"}, minio.CopySrcOptions{Bucket: bucket, Object: "dir/ü +&%"}))
	agree("copy", bytes.Equal(get("copied", minio.GetObjectOptions{}), big[:70_000]), true)
	must(store.ComposeObject(ctx, minio.CopyDestOptions{Bucket: bucket, Object: "composed"},
		minio.CopySrcOptions{Bucket: bucket, Object: "big"}, minio.CopySrcOptions{Bucket: bucket, Object: "small"}))
	agree("composed", bytes.Equal(get("composed", minio.GetObjectOptions{}), append(append([]byte{}, big...), "hello"...)), true)

	check(store.PutObjectTagging(ctx, bucket, "small", must(tags.NewTags(map[string]string{"x": "y"}, true)), minio.PutObjectTaggingOptions{}))
	check(store.RemoveObjectTagging(ctx, bucket, "small", minio.RemoveObjectTaggingOptions{}))

	core := minio.Core{Client: store}
	upload := must(core.NewMultipartUpload(ctx, bucket, "abandoned", minio.PutObjectOptions{}))
	must(core.PutObjectPart(ctx, bucket, "abandoned", upload, 1, strings.NewReader("part"), 4, minio.PutObjectPartOptions{}))
	agree("parts", len(must(core.ListObjectParts(ctx, bucket, "abandoned", upload, 0, 10)).ObjectParts), 1)
	agree("uploads", len(must(core.ListMultipartUploads(ctx, bucket, "", "", "", "", 10)).Uploads), 1)
	check(store.RemoveIncompleteUpload(ctx, bucket, "abandoned"))

	client := http.Client{Transport: way}
	sent := must(client.Do(must(http.NewRequest("PUT", must(store.PresignedPutObject(ctx, bucket, "signed", time.Minute)).String(), strings.NewReader("up")))))
	agree("presigned put", sent.StatusCode, 200)
	answer := must(client.Get(must(store.PresignedGetObject(ctx, bucket, "signed", time.Minute, url.Values{"response-content-type": {"text/x-y"}})).String()))
	agree("presigned get", string(must(io.ReadAll(answer.Body))), "up")
	agree("override", answer.Header.Get("Content-Type"), "text/x-y")

	check(store.EnableVersioning(ctx, bucket))
	first := put("versions", []byte("1"), minio.PutObjectOptions{}).VersionID
	put("versions", []byte("2"), minio.PutObjectOptions{})
	agree("version", string(get("versions", minio.GetObjectOptions{VersionID: first})), "1")
	check(store.RemoveObject(ctx, bucket, "versions", minio.RemoveObjectOptions{}))
	_, err := store.StatObject(ctx, bucket, "versions", minio.StatObjectOptions{})
	agree("deleted", code(err), "NoSuchKey")

	_, err = store.StatObject(ctx, bucket, "none", minio.StatObjectOptions{})
	agree("missing", code(err), "NoSuchKey")
	agree("not empty", code(store.RemoveBucket(ctx, bucket)), "BucketNotEmpty")
	for result := range store.RemoveObjects(ctx, bucket, store.ListObjects(ctx, bucket, minio.ListObjectsOptions{Recursive: true, WithVersions: true}), minio.RemoveObjectsOptions{}) {
		check(result.Err)
	}
	check(store.RemoveBucket(ctx, bucket))
	agree("exists after", must(store.BucketExists(ctx, bucket)), false)
	fmt.Println("all agree")
}
