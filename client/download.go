package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// DownloadRecording writes the media of a chunk, an MP4 file, to w and returns
// how many bytes that are. If the connection breaks, it goes on where it was.
func (c *Client) DownloadRecording(ctx context.Context, document string, w io.Writer) (int64, error) {
	return c.download(ctx, documentPath(document), w)
}

// DownloadMetadata writes the metadata of a chunk, a JSON document, to w and
// returns how many bytes that are.
func (c *Client) DownloadMetadata(ctx context.Context, document string, w io.Writer) (int64, error) {
	return c.download(ctx, documentPath(document)+"/metadata", w)
}

func documentPath(document string) string { return "/recording/download/" + url.PathEscape(document) }

// download fetches an object, in more than one part if need be.
func (c *Client) download(ctx context.Context, path string, w io.Writer) (int64, error) {
	var have int64
	var etag string
	for attempt := 0; ; attempt++ {
		r := request{method: http.MethodGet, path: path, header: http.Header{}}
		if have > 0 {
			r.header.Set("Range", fmt.Sprintf("bytes=%d-", have))
			r.header.Set("If-Range", etag)
		}
		res, err := c.send(ctx, r)
		if err != nil {
			return have, err
		}
		if have > 0 && res.StatusCode != http.StatusPartialContent {
			return have, errors.Join(errors.New("client: the file changed during the download"), res.Body.Close())
		}
		etag = res.Header.Get("ETag")
		part := &body{Reader: res.Body}
		n, err := io.Copy(w, part)
		have += n
		err = errors.Join(err, res.Body.Close())
		if err == nil {
			return have, nil
		}
		err = fmt.Errorf("client: download: %w", err)
		if part.err == nil || etag == "" || attempt == maxRetries || ctx.Err() != nil {
			return have, err
		}
		if werr := wait(ctx, delayOf(nil, attempt)); werr != nil {
			return have, errors.Join(err, werr)
		}
	}
}

// body tells an error of reading from one of writing.
type body struct {
	io.Reader
	err error
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}
